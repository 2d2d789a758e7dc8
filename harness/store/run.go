package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// The files of a run.
const (
	metaFile     = "meta.json"
	planFile     = "plan.json"
	journalFile  = "journal.jsonl"
	slicesFile   = "traffic/slices.jsonl"
	worstFile    = "traffic/worst.json"
	acksFile     = "traffic/acks.jsonl"
	fidelityFile = "traffic/fidelity.json"
	diffFile     = "traffic/diff.json"
	ledgerFile   = "ledger.json"
	verdictFile  = "verdict.json"
)

// Run is a run that is being written. It holds the lock of its store until it is closed.
type Run struct {
	*Journal
	dir  string
	lock *lock

	mu     sync.Mutex
	meta   gameday.Meta
	slices *os.File // nil until the first slice
}

// Create makes the directory of a new run, with its plan and an empty journal. An empty id or start in meta is
// filled in. While another process works on a run of this store the error is [ErrBusy], and while an earlier
// run left faults open it is an [*OpenFaultError].
func (s *Store) Create(meta gameday.Meta, plan gameday.Plan) (*Run, error) {
	if meta.Started.IsZero() {
		meta.Started = time.Now()
	}
	if meta.Run == "" {
		meta.Run = NewID(meta.Started)
	}
	if !runName.MatchString(meta.Run) {
		return nil, fmt.Errorf("create run: %q is no name for a run: use letters, digits, '.', '_' and '-'", meta.Run)
	}
	l, err := s.lockStore(meta.Run)
	if err != nil {
		return nil, err
	}
	run, err := s.create(meta, plan, l)
	if err != nil {
		return nil, errors.Join(err, l.unlock())
	}
	return run, nil
}

func (s *Store) create(meta gameday.Meta, plan gameday.Plan, l *lock) (*Run, error) {
	open, err := s.Unhealed()
	if err != nil {
		return nil, err
	}
	if len(open) > 0 {
		return nil, open[0]
	}
	dir := s.Dir(meta.Run)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	for _, sub := range []string{"traffic", "metrics", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("create run: %w", err)
		}
	}
	if err := errors.Join(writeJSON(filepath.Join(dir, planFile), plan), writeJSON(filepath.Join(dir, metaFile), meta)); err != nil {
		return nil, fmt.Errorf("create run: %w", err)
	}
	journal, _, err := openJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(dir), syncDir(s.root)); err != nil {
		return nil, errors.Join(fmt.Errorf("create run: %w", err), journal.Close())
	}
	return &Run{Journal: journal, dir: dir, lock: l, meta: meta}, nil
}

// Reopen opens an earlier run for appending, as recovery does, and returns its events. While another process
// works on a run of this store the error is [ErrBusy].
func (s *Store) Reopen(id string) (*Run, []gameday.Event, error) {
	if !runName.MatchString(id) {
		return nil, nil, fmt.Errorf("open run %q: no such run", id)
	}
	var meta gameday.Meta
	if err := readJSON(filepath.Join(s.Dir(id), metaFile), &meta); err != nil {
		return nil, nil, err
	}
	l, err := s.lockStore(id)
	if err != nil {
		return nil, nil, err
	}
	journal, events, err := openJournal(filepath.Join(s.Dir(id), journalFile))
	if err != nil {
		return nil, nil, errors.Join(err, l.unlock())
	}
	return &Run{Journal: journal, dir: s.Dir(id), lock: l, meta: meta}, events, nil
}

// Meta returns what identifies the run.
func (r *Run) Meta() gameday.Meta {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meta
}

// Path returns the path of a file of the run, such as "report.html" or "logs/product-z1-1.log".
func (r *Run) Path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

// SaveMeta replaces meta.json, for example once the platform's endpoint is known or the run has ended.
func (r *Run) SaveMeta(change func(*gameday.Meta)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	meta := r.meta
	change(&meta)
	meta.Run = r.meta.Run
	if err := writeJSON(r.Path(metaFile), meta); err != nil {
		return err
	}
	r.meta = meta
	return nil
}

// AppendSlice adds a slice of traffic. It is not fsynced: what a crash loses of it is only evidence.
func (r *Run) AppendSlice(s gameday.Slice) error {
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("append slice: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.slices == nil {
		if r.slices, err = os.OpenFile(r.Path(slicesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
			return fmt.Errorf("append slice: %w", err)
		}
	}
	if _, err := r.slices.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("append slice: %w", err)
	}
	return nil
}

// SaveTraffic writes what is known of the load at its end. Its slices are written too, unless they were
// appended one by one.
func (r *Run) SaveTraffic(t gameday.Traffic) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var slicesErr error
	if r.slices == nil {
		slicesErr = writeLines(r.Path(slicesFile), t.Slices)
	}
	return errors.Join(slicesErr,
		writeJSON(r.Path(worstFile), t.Worst),
		writeLines(r.Path(acksFile), t.Acks),
		writeJSON(r.Path(fidelityFile), t.Fidelity),
		r.saveDiff(t.Diff))
}

// saveDiff writes how the answers compare with others, if they were compared.
func (r *Run) saveDiff(d *gameday.Diff) error {
	if d == nil {
		return nil
	}
	return writeJSON(r.Path(diffFile), d)
}

// SaveLedger writes ledger.json.
func (r *Run) SaveLedger(l gameday.Ledger) error { return writeJSON(r.Path(ledgerFile), l) }

// SaveVerdict writes verdict.json.
func (r *Run) SaveVerdict(v gameday.Verdict) error { return writeJSON(r.Path(verdictFile), v) }

// SaveVerdict writes verdict.json into the directory of a run that is not open, as judging it again does.
func SaveVerdict(dir string, v gameday.Verdict) error {
	return writeJSON(filepath.Join(dir, verdictFile), v)
}

// Close closes the files of the run and lets go of the store.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var slicesErr error
	if r.slices != nil {
		slicesErr = errors.Join(r.slices.Sync(), r.slices.Close())
	}
	return errors.Join(slicesErr, r.Journal.Close(), r.lock.unlock())
}

// Discard ends a run that never began, and leaves nothing of it.
func (r *Run) Discard() error {
	return errors.Join(os.RemoveAll(r.dir), r.Close())
}

// Load reads a run from its directory. What was never written, such as the verdict of a run that crashed, is
// left at its zero value; Metrics is always nil.
func Load(dir string) (gameday.Record, error) {
	var rec gameday.Record
	var ledger gameday.Ledger
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	err := errors.Join(readJSON(at(metaFile), &rec.Meta), readJSON(at(planFile), &rec.Plan))
	if errors.Is(err, fs.ErrNotExist) {
		return rec, fmt.Errorf("load run: %s holds no run: %w", dir, err)
	}
	if rec.Plan.Version > gameday.PlanVersion {
		return rec, fmt.Errorf("load run: plan.json has version %d: this gameday reads up to %d; use a newer one", rec.Plan.Version, gameday.PlanVersion)
	}
	var eventsErr, slicesErr, acksErr error
	rec.Events, eventsErr = ReadJournal(at(journalFile))
	rec.Traffic.Slices, slicesErr = readLines[gameday.Slice](at(slicesFile))
	rec.Traffic.Acks, acksErr = readLines[gameday.Ack](at(acksFile))
	ledgerErr := readJSON(at(ledgerFile), &ledger)
	if ledgerErr == nil {
		rec.Ledger = &ledger
	}
	for _, e := range []error{
		eventsErr, slicesErr, acksErr, ledgerErr,
		readJSON(at(worstFile), &rec.Traffic.Worst),
		readJSON(at(fidelityFile), &rec.Traffic.Fidelity),
		readJSON(at(diffFile), &rec.Traffic.Diff),
		readJSON(at(verdictFile), &rec.Verdict),
	} {
		err = errors.Join(err, ignoreMissing(e))
	}
	return rec, err
}

// Load reads a run of the store by its id. See [Load].
func (s *Store) Load(id string) (gameday.Record, error) {
	if !runName.MatchString(id) {
		return gameday.Record{}, fmt.Errorf("load run %q: no such run", id)
	}
	return Load(s.Dir(id))
}
