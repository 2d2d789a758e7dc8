package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrBusy reports that another process works on a run of the store.
var ErrBusy = errors.New("the store is in use")

// ownerForm is what the lock file says of its owner, for people and for Busy.
const ownerForm = "run %s (pid %d)"

// lock keeps other processes from changing runs of the store. The kernel lets go of it when the process ends,
// however it ends; the text in the file only serves people.
type lock struct{ file *os.File }

// lockStore takes the lock for a run, or returns ErrBusy at once.
func (s *Store) lockStore(run string) (*lock, error) {
	f, err := os.OpenFile(s.lockPath(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	if err := flock(f); err != nil {
		err = fmt.Errorf("lock store %s: %w: %s is at work; wait for it to end, or stop it", s.root, ErrBusy, s.owner())
		return nil, errors.Join(err, f.Close())
	}
	note := fmt.Sprintf(ownerForm, run, os.Getpid())
	if err := errors.Join(f.Truncate(0), writeAt(f, note)); err != nil {
		return nil, errors.Join(fmt.Errorf("lock store: %w", err), f.Close())
	}
	return &lock{f}, nil
}

func (s *Store) lockPath() string { return filepath.Join(s.root, ".lock") }

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func (l *lock) unlock() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}

// Busy reports whether a process works on a run of the store now, and on which; the id is empty when that is just
// changing.
func (s *Store) Busy() (run string, busy bool) {
	f, err := os.Open(s.lockPath())
	if err != nil {
		return "", false
	}
	defer f.Close() // read only; nothing to lose
	if flock(f) == nil {
		return "", false
	}
	var pid int
	if _, err := fmt.Sscanf(s.owner(), ownerForm, &run, &pid); err != nil {
		return "", true
	}
	return run, true
}

// owner is what the lock file says.
func (s *Store) owner() string {
	text, err := os.ReadFile(s.lockPath())
	if err != nil || len(text) == 0 {
		return "another run"
	}
	return string(text)
}
