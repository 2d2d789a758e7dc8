package reports

import (
	"encoding/json"
	"io"
	"time"

	"github.com/gameday-dev/gameday"
)

// ReplayVersion is the version of what ReplayJSON writes. Fields may come; one that changes or goes makes another version.
const ReplayVersion = 1

// replayDocument is the form of ReplayJSON. docs/formats.md says what its fields mean.
type replayDocument struct {
	Format   string                 `json:"format"` // "gameday/replay"
	Version  int                    `json:"version"`
	Gameday  string                 `json:"gameday"`
	Result   gameday.Result         `json:"result"`
	Reasons  []string               `json:"reasons,omitempty"`
	Tape     string                 `json:"tape"`
	To       string                 `json:"to"`
	Seed     uint64                 `json:"seed"`
	Started  time.Time              `json:"started"`
	Seconds  float64                `json:"seconds"`
	Sender   string                 `json:"sender"`
	Total    total                  `json:"total"`
	Flows    []total                `json:"flows"`
	Fidelity gameday.Fidelity       `json:"fidelity"`
	Ledger   map[string]Recording   `json:"ledger,omitempty"` // of the recording
	Diff     *gameday.Diff          `json:"diff,omitempty"`
	Worst    []gameday.WorstRequest `json:"worst"`
}

// ReplayJSON writes everything that is known of a replay, for programs.
func ReplayJSON(w io.Writer, r Replayed) error {
	flows, all, err := r.totals()
	if err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(replayDocument{
		Format: "gameday/replay", Version: ReplayVersion, Gameday: r.Version, Result: r.Result, Reasons: r.Reasons,
		Tape: r.Plan.Tape, To: r.Plan.To, Seed: r.Seed, Started: r.Started.UTC(), Seconds: r.Length.Seconds(), Sender: r.Sender,
		Total: all, Flows: flows, Fidelity: r.Fidelity, Ledger: r.Capture, Diff: r.Diff, Worst: worst(r.Traffic),
	})
}
