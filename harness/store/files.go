package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// fileSizeMax bounds a file that is read as a whole, and lineBytesMax a line of one that is read by lines.
const (
	fileSizeMax  = 64 << 20
	lineBytesMax = 4 << 20
)

// writeFile replaces a file in one step: readers see the old text or the new, and so does the next boot.
func writeFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", filepath.Base(path), errors.Join(err, os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(text, '\n'))
}

func readJSON(path string, into any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	defer f.Close() // read only; nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, fileSizeMax+1))
	if err != nil {
		return fmt.Errorf("read run: %w", err)
	}
	if len(text) > fileSizeMax {
		return fmt.Errorf("read %s: larger than the limit of %d bytes", path, fileSizeMax)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeLines replaces a file by one line of JSON for each item.
func writeLines[T any](path string, items []T) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, item := range items {
		if err := e.Encode(item); err != nil {
			return fmt.Errorf("write %s: %w", filepath.Base(path), err)
		}
	}
	return writeFile(path, b.Bytes())
}

// readLines decodes one item from each line. A torn last line is left out.
func readLines[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read run: %w", err)
	}
	defer f.Close() // read only; nothing to lose
	var items []T
	r := bufio.NewReaderSize(f, lineBytesMax)
	for number := 1; ; number++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return items, nil
		case err != nil:
			return nil, fmt.Errorf("read %s:%d: %w", path, number, err)
		}
		var item T
		if err := json.Unmarshal(line, &item); err != nil {
			return nil, fmt.Errorf("read %s:%d: %w", path, number, err)
		}
		items = append(items, item)
	}
}
