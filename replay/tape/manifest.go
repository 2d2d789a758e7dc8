package tape

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// A Manifest lists the tapes of a reel. It stands in the reel's directory as manifest.json and is
// replaced as a whole when a tape is complete.
type Manifest struct {
	Version   int           `json:"version"` // of this format
	Start     time.Time     `json:"start"`   // wall time of offset zero, of all tapes
	Source    string        `json:"source,omitempty"`
	Tool      string        `json:"tool,omitempty"`
	Redaction string        `json:"redaction,omitempty"` // id of the policy; empty means nothing was redacted
	Tapes     []Entry       `json:"tapes"`               // complete ones, in the order in which they were begun
	Removed   Removed       `json:"removed"`             // what was deleted to keep to the number of tapes
	Ledger    replay.Ledger `json:"ledger,omitempty"`    // of the whole recording, as of the last tape
}

// An Entry is one complete tape.
type Entry struct {
	File    string        `json:"file"`
	SHA256  string        `json:"sha256"`
	Bytes   int64         `json:"bytes"`
	Records int64         `json:"records"` // exchanges, messages and gaps
	From    time.Time     `json:"from"`    // wall time of the first and the last record
	To      time.Time     `json:"to"`
	First   time.Duration `json:"first_ns"` // the same since the start
	Last    time.Duration `json:"last_ns"`
}

// Removed counts tapes that were deleted.
type Removed struct {
	Tapes   int   `json:"tapes"`
	Bytes   int64 `json:"bytes"`
	Records int64 `json:"records"`
}

const (
	manifestName    = "manifest.json"
	manifestVersion = 1
	manifestMax     = 64 << 20
	tapeSuffix      = ".gdtape"
)

// ReadManifest reads the manifest of a reel.
func ReadManifest(dir string) (Manifest, error) {
	path := filepath.Join(dir, manifestName)
	f, err := os.Open(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("read reel: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, manifestMax+1))
	if err != nil {
		return Manifest{}, fmt.Errorf("read reel: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("read reel %s: %w", path, err)
	}
	if m.Version != manifestVersion {
		return Manifest{}, fmt.Errorf("read reel %s: format version %d: this build reads version %d", path, m.Version, manifestVersion)
	}
	for _, e := range m.Tapes {
		if e.File != filepath.Base(e.File) || !strings.HasSuffix(e.File, tapeSuffix) {
			return Manifest{}, fmt.Errorf("read reel %s: %q is not the name of a tape beside it", path, e.File)
		}
	}
	return m, nil
}

// write replaces the manifest: readers see the old one or the new one.
func (m *Manifest) write(dir string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write reel: %w", err)
	}
	f, err := os.CreateTemp(dir, manifestName+".*")
	if err != nil {
		return fmt.Errorf("write reel: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, manifestName))
	}
	if err != nil {
		return fmt.Errorf("write reel: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// entryOfTape sums up a tape that is complete.
func entryOfTape(path string) (Entry, replay.Ledger, error) {
	info, err := ReadInfo(path)
	if err != nil {
		return Entry{}, nil, err
	}
	e := Entry{
		File: filepath.Base(path), Bytes: info.Bytes, Records: info.Records, First: info.First, Last: info.Last,
		From: info.Meta.Start.Add(info.First), To: info.Meta.Start.Add(info.Last),
	}
	e.SHA256, err = sumOf(path)
	return e, info.Ledger, err
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read tape: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read tape: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// VerifyReel compares every complete tape of a reel with its checksum in the manifest, and returns
// all that does not fit.
func VerifyReel(dir string) error {
	m, err := ReadManifest(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range m.Tapes {
		sum, err := sumOf(filepath.Join(dir, e.File))
		if err == nil && sum != e.SHA256 {
			err = fmt.Errorf("tape %s: its sha256 is not that of the manifest: it was changed since it was complete", e.File)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// reelOf returns the reel whose manifest has a tape; "" when none does.
func reelOf(path string) string {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	dir, file := filepath.Dir(path), filepath.Base(path)
	m, err := ReadManifest(dir)
	if err != nil || !slices.ContainsFunc(m.Tapes, func(e Entry) bool { return e.File == file }) {
		return "" // there is none, or that of something else
	}
	return dir
}

// tapesIn lists the tapes of a directory that a manifest does not know: those that were being written
// when the recorder ended.
func tapesIn(dir string, m Manifest) ([]string, error) {
	all, err := filepath.Glob(filepath.Join(dir, "*"+tapeSuffix))
	if err != nil {
		return nil, err
	}
	for _, e := range m.Tapes {
		all = slices.DeleteFunc(all, func(path string) bool { return filepath.Base(path) == e.File })
	}
	slices.Sort(all)
	return all, nil
}
