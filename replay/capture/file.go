package capture

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// file is an input that may be compressed.
type file struct {
	r      *bufio.Reader
	closer io.Closer
}

const readBuffer = 256 << 10

func open(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	in, err := unpacked(f, path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	in.closer = f
	return in, nil
}

// unpacked looks through gzip, whatever the name says.
func unpacked(r io.Reader, name string) (*file, error) {
	plain := bufio.NewReaderSize(r, readBuffer)
	if magic, err := plain.Peek(2); err != nil || magic[0] != 0x1f || magic[1] != 0x8b {
		return &file{r: plain}, nil
	}
	gz, err := gzip.NewReader(plain)
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	return &file{r: bufio.NewReaderSize(gz, readBuffer)}, nil
}

// Close closes the file; gzip has nothing of its own to close.
func (f *file) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// chunks returns the files that a path stands for: itself when it exists; else what the
// pattern it is matches, or the numbered chunks NAME_0.EXT, NAME_1.EXT ... that goreplay writes
// for NAME.EXT, in the order of their numbers.
func chunks(path string) ([]string, error) {
	if _, err := os.Stat(path); err == nil {
		return []string{path}, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("import: %w", err)
	}
	ext := filepath.Ext(path)
	names, err := filepath.Glob(path)
	if err == nil && len(names) == 0 {
		names, err = filepath.Glob(strings.TrimSuffix(path, ext) + "_[0-9]*" + ext)
	}
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", path, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("import %s: %w", path, os.ErrNotExist)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return chunkNumber(a) - chunkNumber(b)
	})
	return names, nil
}

// chunkNumber is N of NAME_N.EXT; -1 when the name has no number.
func chunkNumber(name string) int {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	n, err := strconv.Atoi(stem[strings.LastIndexByte(stem, '_')+1:])
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// A chain reads files one after another as if they were one.
type chain struct {
	left []string
	now  *file
}

func (c *chain) Read(p []byte) (int, error) {
	for {
		if c.now == nil {
			if len(c.left) == 0 {
				return 0, io.EOF
			}
			next, err := open(c.left[0])
			if err != nil {
				return 0, err
			}
			c.now, c.left = next, c.left[1:]
		}
		n, err := c.now.r.Read(p)
		if n > 0 || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
		if err != nil {
			if err := c.Close(); err != nil {
				return 0, err
			}
		}
	}
}

// Close closes the file being read.
func (c *chain) Close() error {
	if c.now == nil {
		return nil
	}
	f := c.now
	c.now = nil
	return f.Close()
}
