// Package store keeps runs on disk, one directory each, written left to right:
//
//	meta.json  plan.json           before anything happens
//	journal.jsonl                  one fsynced line per event, written before what it announces
//	traffic/slices.jsonl           one line per flow and second, as they end
//	traffic/worst.json  acks.jsonl  fidelity.json
//	ledger.json  verdict.json      at the end; what is derived can be made again
//	metrics/  logs/                samples, and what instances printed
//
// A process that dies at any point leaves a readable run: the journal may end in a torn line, and whole files
// are replaced in one step. See [Store.Create] for writing and [Load] for reading.
package store

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

// Store is a directory of runs.
type Store struct{ root string }

// Open returns the store in a directory, which is made when it is missing.
func Open(root string) (*Store, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{root: root}, nil
}

// Dir returns the directory of a run, whether it exists or not.
func (s *Store) Dir(run string) string { return filepath.Join(s.root, run) }

// runName is what a run may be called: one path element that cannot lead out of the store.
var runName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// NewID returns an id for a run that starts at the time: ids sort as their times do, and the random end tells
// two runs of one millisecond apart.
func NewID(start time.Time) string {
	at := strings.Replace(start.UTC().Format("20060102-150405.000"), ".", "-", 1)
	return at + "-" + strings.ToLower(rand.Text()[:4])
}

// OpenFaultError says that an earlier run left faults that are not known to be healed.
type OpenFaultError struct {
	Run    string
	Faults []gameday.Fault
}

// Error names the run, the first faults and the command that heals them.
func (e *OpenFaultError) Error() string {
	var list []string
	for _, f := range e.Faults[:min(3, len(e.Faults))] {
		list = append(list, f.Monkey+" on "+f.Target.Name)
	}
	if more := len(e.Faults) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("run %s left open faults (%s): run `gameday recover %s` first", e.Run, strings.Join(list, ", "), e.Run)
}

// Entry is one run of a list.
type Entry struct {
	Run     string
	Meta    gameday.Meta
	Verdict *gameday.Verdict // nil when the run was not judged
	Open    []gameday.Fault  // not known to be healed
	Err     error            // why the directory could not be read; the rest may be empty then
}

// List returns every run of the store, oldest first. A run that cannot be read is listed with its error.
func (s *Store) List() ([]Entry, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var list []Entry
	for _, name := range names {
		list = append(list, s.entry(name))
	}
	return list, nil
}

func (s *Store) names() ([]string, error) {
	dirs, err := os.ReadDir(s.root)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var names []string
	for _, d := range dirs {
		if !d.IsDir() || !runName.MatchString(d.Name()) {
			continue
		}
		if _, err := os.Stat(filepath.Join(s.root, d.Name(), metaFile)); err == nil {
			names = append(names, d.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (s *Store) entry(name string) Entry {
	e := Entry{Run: name}
	dir := s.Dir(name)
	events, eventsErr := ReadJournal(filepath.Join(dir, journalFile))
	var verdict gameday.Verdict
	verdictErr := readJSON(filepath.Join(dir, verdictFile), &verdict)
	if verdictErr == nil {
		e.Verdict = &verdict
	} else if errors.Is(verdictErr, fs.ErrNotExist) {
		verdictErr = nil
	}
	e.Open = gameday.OpenFaults(events)
	e.Err = errors.Join(readJSON(filepath.Join(dir, metaFile), &e.Meta), ignoreMissing(eventsErr), verdictErr)
	return e
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Resolve returns the id of the run that ref names: an id, the unambiguous start of one, or "last" (as is the
// empty text) for the newest.
func (s *Store) Resolve(ref string) (string, error) {
	names, err := s.names()
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("find run %q: the store %s holds no runs", ref, s.root)
	}
	if ref == "" || ref == "last" {
		return names[len(names)-1], nil
	}
	var match []string
	for _, name := range names {
		if name == ref {
			return name, nil
		}
		if strings.HasPrefix(name, ref) {
			match = append(match, name)
		}
	}
	switch len(match) {
	case 1:
		return match[0], nil
	case 0:
		return "", fmt.Errorf("find run %q: no such run in %s", ref, s.root)
	}
	return "", fmt.Errorf("find run %q: it is the start of %s", ref, strings.Join(match, ", "))
}

// Unhealed returns the runs that left open faults, oldest first. A journal that cannot be read is an error:
// what it holds open is not known.
func (s *Store) Unhealed() ([]*OpenFaultError, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var open []*OpenFaultError
	for _, name := range names {
		events, err := ReadJournal(filepath.Join(s.Dir(name), journalFile))
		if err := ignoreMissing(err); err != nil {
			return nil, fmt.Errorf("look for open faults of run %s: %w", name, err)
		}
		if faults := gameday.OpenFaults(events); len(faults) > 0 {
			open = append(open, &OpenFaultError{Run: name, Faults: faults})
		}
	}
	slices.SortFunc(open, func(a, b *OpenFaultError) int { return cmp.Compare(a.Run, b.Run) })
	return open, nil
}
