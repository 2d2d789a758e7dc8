package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gameday-dev/gameday"
)

// eventBytesMax bounds one line of a journal. The largest is the fault of a zone with a thousand instances.
const eventBytesMax = 4 << 20

// journalSizeMax bounds a journal that is read as a whole.
const journalSizeMax = 256 << 20

// file is what a journal writes to: an *os.File opened for appending.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Journal is the append-only list of a run's events. It is safe for concurrent use.
type Journal struct {
	mu     sync.Mutex
	file   file
	size   int64 // of the whole lines
	broken error // a failed line could not be taken back: nothing may follow it
}

// openJournal opens the journal for appending after its last whole line, and returns what it holds. A torn
// line at the end is cut off.
func openJournal(path string) (*Journal, []gameday.Event, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	events, whole, err := readJournal(path, f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if err := f.Truncate(whole); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("cut the torn end off the journal: %w", err), f.Close())
	}
	return &Journal{file: f, size: whole}, events, nil
}

// Append adds one event, and returns when it is on the disk. After an error the event is not in the journal,
// and what it announces must not happen.
func (j *Journal) Append(e gameday.Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("append to journal: %w", err)
	}
	if len(line) >= eventBytesMax {
		return fmt.Errorf("append to journal: event %s of %d bytes exceeds the limit of %d", e.Kind, len(line), eventBytesMax)
	}
	line = append(line, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return fmt.Errorf("append to journal: an earlier line is damaged: %w", j.broken)
	}
	_, err = j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err == nil {
		j.size += int64(len(line))
		return nil
	}
	if back := j.file.Truncate(j.size); back != nil {
		j.broken = err
	}
	return fmt.Errorf("append to journal: %w: free space on its disk, or choose another place with --store", err)
}

// Close closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file.Close()
}

// ReadJournal returns the events of a journal. A torn last line, as a crash leaves it, is left out; anything
// else that is no event is an error that names the line.
func ReadJournal(path string) ([]gameday.Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close() // read only; nothing to lose
	events, _, err := readJournal(path, f)
	return events, err
}

func readJournal(path string, r io.Reader) (events []gameday.Event, whole int64, err error) {
	text, err := io.ReadAll(io.LimitReader(r, journalSizeMax+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read journal: %w", err)
	}
	if len(text) > journalSizeMax {
		return nil, 0, fmt.Errorf("read journal %s: larger than the limit of %d bytes", path, journalSizeMax)
	}
	return parseJournal(path, text)
}

// parseJournal returns the events in text, and how many bytes of it are whole lines.
func parseJournal(path string, text []byte) (events []gameday.Event, whole int64, err error) {
	for number := 1; len(text) > 0; number++ {
		line, rest, ended := bytes.Cut(text, []byte{'\n'})
		var e gameday.Event
		err := json.Unmarshal(line, &e)
		switch {
		case !ended:
			return events, whole, nil // torn: Append never returned, so what it announces did not happen
		case err == nil && e.Kind == "":
			err = errors.New("it has no kind")
			fallthrough
		case err != nil:
			return nil, 0, fmt.Errorf("%s:%d: not an event: %w: the file was changed or the disk is damaged; restore it, or see with `gameday doctor` what the platform still holds", path, number, err)
		}
		events = append(events, e)
		whole += int64(len(line)) + 1
		text = rest
	}
	return events, whole, nil
}
