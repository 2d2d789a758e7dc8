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

// Sweep removes what Leftovers lists of the tapes of a reel, and returns what it has removed. Packings that are under way, in a
// capture that goes on, lose nothing.
func Sweep(reel string) (removed []string, err error) {
	var errs []error
	for _, file := range packings(reel) {
		switch err := sweep(file); {
		case err == nil:
			removed = append(removed, file)
		case errors.Is(err, errPacking) || errors.Is(err, errReplaced) || errors.Is(err, fs.ErrNotExist): // it is, or was until now
		default:
			errs = append(errs, fmt.Errorf("remove what a packing left: %w", err))
		}
	}
	return removed, errors.Join(errs...)
}

// sweep removes the file of a packing that was broken off. Whoever packs a tape holds it, and it alone may be at its path: a
// lock on one that was replaced meanwhile says nothing of the file.
func sweep(file string) error {
	path := strings.TrimSuffix(file, packingSuffix)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.Remove(file)
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was not even read
	if err := hold(f); err != nil {
		return err
	}
	if _, err := opened(f, path); err != nil {
		return err
	}
	return os.Remove(file)
}

// sweep removes what a packing that was broken off left beside the tape.
func (p *packer) sweep() error {
	path, err := filepath.EvalSymlinks(p.path)
	if err != nil || len(packings(path)) == 0 {
		return err
	}
	if err = sweep(path + packingSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what an earlier packing of tape %s left: %w", p.path, err)
	}
	return nil
}
