package gameday

import (
	"context"
	"time"
)

// Meta identifies a run, and holds the only wall-clock times of the record.
type Meta struct {
	Run      string            `json:"run"` // sortable id
	Version  string            `json:"version"`
	Started  time.Time         `json:"started"` // offset 0
	Ended    time.Time         `json:"ended,omitzero"`
	Command  string            `json:"command"` // repeats the run
	Host     map[string]string `json:"host,omitempty"`
	Endpoint string            `json:"endpoint,omitempty"` // file with the platform's address, for recovery
	PID      int               `json:"pid"`                // of the harness while it runs
}

// LedgerLine is one kept effect as the system under test lists it.
type LedgerLine struct {
	ID    string `json:"id"`
	Key   string `json:"key,omitempty"`
	Count int    `json:"count"`
}

// Ledger is the balance of acknowledged and kept effects.
type Ledger struct {
	Acked     int      `json:"acked"`
	Kept      int      `json:"kept"`
	Missing   []string `json:"missing,omitempty"`   // acknowledged, not kept
	Duplicate []string `json:"duplicate,omitempty"` // kept more than once
	Unread    string   `json:"unread,omitempty"`    // why the system's list could not be read; then nothing is known
}

// Run is a whole recorded run, as assertions see it.
type Run struct {
	Meta    Meta
	Plan    Plan
	Events  []Event
	Traffic Traffic
	Ledger  *Ledger // nil when the plan has none
	Metrics Metrics // nil when nothing was kept; then every question about metrics is Unknown
}

// Assertion judges one expectation. Implementations are pure: the same run gives the same finding, offline.
type Assertion interface {
	// Judge returns what it found. An error means that it could not judge, and counts as Unknown.
	Judge(ctx context.Context, r Run) (Finding, error)
}

// Record is a judged run, as reports see it.
type Record struct {
	Run
	Verdict Verdict
}
