package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gameday-dev/gameday"
)

// oneRun is how one run ended.
type oneRun struct {
	Scenario string         `json:"scenario"`
	SHA256   string         `json:"sha256"` // of the scenario's text: a changed scenario has no record yet
	Mutant   string         `json:"mutant,omitempty"`
	Result   gameday.Result `json:"result"`
	Seconds  float64        `json:"seconds"`
	Missed   []miss         `json:"missed,omitempty"`
}

// miss is an expectation that did not hold, or could not be judged.
type miss struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Outcome  gameday.Outcome `json:"outcome"`
	Observed string          `json:"observed,omitempty"`
	Why      string          `json:"why,omitempty"`
}

func (r oneRun) names(outcome gameday.Outcome) []string {
	var names []string
	for _, m := range r.Missed {
		if m.Outcome == outcome {
			names = append(names, m.Name)
		}
	}
	return names
}

// failedBy reports whether the designated assertion failed: one whose name begins so, or the ledger.
func (r oneRun) failedBy(assertion string) bool {
	for _, m := range r.Missed {
		if m.Outcome == gameday.Fail && (strings.HasPrefix(m.Name, assertion) || m.Kind == assertion) {
			return true
		}
	}
	return false
}

// hashes returns the hash of each scenario's text.
func hashes() (map[string]string, error) {
	all := map[string]string{}
	for _, name := range scenarioNames() {
		text, err := os.ReadFile(scenarioFile(name))
		if err != nil {
			return nil, err
		}
		all[name] = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	return all, nil
}

func scenarioFile(name string) string { return filepath.Join(library, name+".yaml") }

// runLog is the file of all runs.
type runLog struct {
	path    string
	runs    []oneRun
	present map[string]string // hash of each scenario as it is now
}

func openLog(path string) (*runLog, error) {
	present, err := hashes()
	if err != nil {
		return nil, err
	}
	l := &runLog{path: path, present: present}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r oneRun
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		l.runs = append(l.runs, r)
	}
	return l, lines.Err()
}

func (l *runLog) append(r oneRun) error {
	l.runs = append(l.runs, r)
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	return errors.Join(err, f.Close())
}

// of returns the runs that count: of the scenario as it is now, on a machine that was equal to it.
func (l *runLog) of(scenario, mutant string) []oneRun {
	runs, _ := l.split(scenario, mutant)
	return runs
}

// split tells the runs that count from those that only show that the machine was busy with something else.
func (l *runLog) split(scenario, mutant string) (count, busy []oneRun) {
	for _, r := range l.runs {
		switch {
		case r.Scenario != scenario || r.Mutant != mutant || r.SHA256 != l.present[scenario]:
		case r.busy():
			busy = append(busy, r)
		default:
			count = append(count, r)
		}
	}
	return count, busy
}

const (
	saturated = "the host had spare capacity"
	late      = "load was offered on time"
)

// busy reports whether the machine kept a run from showing anything: nothing else was wrong, or the system was healthy,
// which may fail too on saturated processors.
func (r oneRun) busy() bool {
	tired, sick := false, false // the machine; the system, as far as can be told
	for _, m := range r.Missed {
		tired = tired || m.Name == saturated
		sick = sick || m.Name != saturated && m.Name != late
	}
	return r.Mutant == "" && tired || r.Result == gameday.ResultInconclusive && len(r.Missed) > 0 && !sick
}
