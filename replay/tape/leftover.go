package tape

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// packingSuffix makes the name of the file that becomes the tape. One that a killed process left is overwritten by the
// next attempt, and no reader takes it for a tape. Who holds the tape has the name.
const packingSuffix = ".packing"

// packings are the files that packing a tape, or those of a reel, has made so far.
func packings(path string) (files []string) {
	if _, err := os.Lstat(path + packingSuffix); err == nil {
		files = append(files, path+packingSuffix)
	}
	inside, _ := os.ReadDir(path) // of a tape there is nothing inside
	for _, file := range inside {
		if strings.HasSuffix(file.Name(), tapeSuffix+packingSuffix) {
			files = append(files, filepath.Join(path, file.Name()))
		}
	}
	return files
}

// Leftovers lists what packings that were broken off left beside a tape, or in a reel. The tapes are whole without it. What a
// packing is just writing is not among it.
func Leftovers(path string) (files []string) {
	for _, file := range packings(path) {
		f, err := os.Open(strings.TrimSuffix(file, packingSuffix))
		if err == nil {
			err = errors.Join(hold(f), f.Close())
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			files = append(files, file)
		}
	}
	return files
}

// DropPacking removes what a packing that was broken off left beside a tape, or in a reel. The tapes are whole without it.
func DropPacking(path string) error {
	var errs []error
	for _, file := range packings(path) {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweep removes what a packing that was broken off left beside the tape.
func (p *packer) sweep() error {
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil || len(packings(path)) == 0 {
		return err
	}
	if err = hold(p.r.closer.(*os.File)); err == nil {
		err = DropPacking(path)
	}
	if err != nil {
		return fmt.Errorf("remove what an earlier packing of tape %s left: %w", p.path, err)
	}
	return nil
}
