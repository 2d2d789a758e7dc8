package capture

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gameday-dev/gameday/replay"
)

// ImportOptions shape an import. The zero value works.
type ImportOptions struct {
	// Problem, when set, is called with each record that cannot be used, as "file:line:
	// problem" or "file: record at byte N: problem". They are counted in any case.
	Problem func(error)
	// Sessions says how exchanges of a .gor file show whose they are.
	Sessions Sessions
	// Client, when set, names the session of an access-log line; it can make pseudonyms of
	// what is personal. The default is address and user agent.
	Client func(address, agent string) string
}

// An Importer is a Source that reads what another tool recorded.
type Importer interface {
	replay.Source
	// Counts is the ledger of what was read so far.
	Counts() replay.Counts
	io.Closer
}

// Open imports a file: a .gor file or an access log, plain or gzip; the content decides.
func Open(path string, o ImportOptions) (Importer, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	start, err := f.r.Peek(headerLineMax)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(fmt.Errorf("import %s: %w", path, err), f.Close())
	}
	if len(start) == 0 {
		return nil, errors.Join(fmt.Errorf("import %s: the file is empty", path), f.Close())
	}
	if _, ok := parseGorHeader(start); ok {
		return newGor(f, path, o), nil
	}
	return newAccessLog(f, path, o), nil
}

// file is an input that may be compressed.
type file struct {
	r      *bufio.Reader
	gz     *gzip.Reader
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
	return &file{r: bufio.NewReaderSize(gz, readBuffer), gz: gz}, nil
}

// Close closes the file; gzip has nothing of its own to close.
func (f *file) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}
