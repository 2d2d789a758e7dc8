package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "runs"))
	require.NoError(t, err)
	return s
}

func create(t *testing.T, s *Store, id string) *Run {
	t.Helper()
	r, err := s.Create(gameday.Meta{Run: id}, gameday.Plan{Version: gameday.PlanVersion, Name: "zone-outage"})
	require.NoError(t, err)
	return r
}

func injecting(id string) gameday.Event {
	return gameday.Event{Kind: gameday.EventInjecting, FaultID: id, Fault: &gameday.Fault{ID: id, Monkey: "kill", Config: json.RawMessage("{}"), Target: gameday.Target{Name: "product-z1-1"}}}
}

func TestARunReadsBackAsItWasWritten(t *testing.T) {
	s := open(t)
	r := create(t, s, "a")
	events := []gameday.Event{
		{Kind: gameday.EventStart, Text: "zone-outage"},
		injecting("a-f1"),
		{Kind: gameday.EventHealed, FaultID: "a-f1", Evidence: &gameday.Evidence{Effect: gameday.Gone, What: "runs"}},
	}
	for _, e := range events {
		require.NoError(t, r.Append(e))
	}
	slice := gameday.Slice{Second: 3, Flow: "browse", Sent: 2, Classes: map[gameday.Class]int64{gameday.ClassOK: 2}, Timings: gameday.Timings{Latency: []byte{1, 2}}}
	require.NoError(t, r.AppendSlice(slice))
	traffic := gameday.Traffic{
		Slices:   []gameday.Slice{slice},
		Worst:    []gameday.WorstRequest{{Flow: "browse", Class: gameday.ClassError}},
		Acks:     []gameday.Ack{{At: 5, Flow: "place_order", ID: "o-1"}},
		Fidelity: gameday.Fidelity{Due: 2, Sent: 2},
	}
	require.NoError(t, r.SaveTraffic(traffic))
	require.NoError(t, r.SaveLedger(gameday.Ledger{Acked: 1, Kept: 1}))
	require.NoError(t, r.SaveVerdict(gameday.Verdict{Result: gameday.ResultPass}))
	require.NoError(t, r.SaveMeta(func(m *gameday.Meta) { m.Endpoint = "up.json" }))
	require.NoError(t, r.Close())

	rec, err := s.Load("a")
	require.NoError(t, err)
	require.Equal(t, "up.json", rec.Meta.Endpoint)
	require.Equal(t, "zone-outage", rec.Plan.Name)
	require.Empty(t, cmp.Diff(events, rec.Events))
	require.Empty(t, cmp.Diff(traffic, rec.Traffic))
	require.Equal(t, &gameday.Ledger{Acked: 1, Kept: 1}, rec.Ledger)
	require.Equal(t, gameday.ResultPass, rec.Verdict.Result)
}

func TestARunThatCrashedIsReadable(t *testing.T) {
	s := open(t)
	r := create(t, s, "a")
	require.NoError(t, r.Append(injecting("a-f1")))
	require.NoError(t, r.Close())
	rec, err := s.Load("a")
	require.NoError(t, err)
	require.Len(t, gameday.OpenFaults(rec.Events), 1)
	require.Nil(t, rec.Ledger)
}

func TestTwoRunsDoNotOverlap(t *testing.T) {
	s := open(t)
	r := create(t, s, "a")
	_, err := s.Create(gameday.Meta{Run: "b"}, gameday.Plan{})
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "run a (pid ")
	_, _, err = s.Reopen("a")
	require.ErrorIs(t, err, ErrBusy)
	run, busy := s.Busy()
	require.True(t, busy)
	require.Equal(t, "a", run)
	require.NoError(t, r.Close())
	_, busy = s.Busy()
	require.False(t, busy)
	require.NoError(t, create(t, s, "b").Close())
}

func TestNoRunStartsOverOpenFaults(t *testing.T) {
	s := open(t)
	r := create(t, s, "a")
	require.NoError(t, r.Append(injecting("a-f1")))
	require.NoError(t, r.Close())

	_, err := s.Create(gameday.Meta{Run: "b"}, gameday.Plan{})
	var open *OpenFaultError
	require.ErrorAs(t, err, &open)
	require.EqualError(t, err, "run a left open faults (kill on product-z1-1): run `gameday recover a` first")

	r, events, err := s.Reopen("a")
	require.NoError(t, err)
	require.Len(t, gameday.OpenFaults(events), 1)
	require.NoError(t, r.Append(gameday.Event{Kind: gameday.EventHealed, FaultID: "a-f1"}))
	require.NoError(t, r.Close())
	require.NoError(t, create(t, s, "b").Close())
}

func TestAJournalThatWasDamaged(t *testing.T) {
	const whole = `{"at":"0s","kind":"run.start"}` + "\n"
	for _, c := range []struct {
		name, text string
		events     int
		want       string
	}{
		{"a torn last line is left out", whole + `{"at":"1s","kind":"fault.inj`, 1, ""},
		{"a last line without its end was never acknowledged", whole + `{"at":"1s","kind":"phase"}`, 1, ""},
		{"an empty journal has no events", "", 0, ""},
		{"a torn line in the middle is an error that names the line", whole + `{"at":"1s","ki` + "\n" + whole, 0, "journal.jsonl:2: not an event"},
		{"a line of zeros is an error", whole + "\x00\x00\x00\n", 0, "journal.jsonl:2: not an event"},
		{"an event without a kind is an error", "{}\n", 0, "it has no kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), journalFile)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			events, err := ReadJournal(path)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Len(t, events, c.events)

			j, events, err := openJournal(path)
			require.NoError(t, err)
			require.Len(t, events, c.events)
			require.NoError(t, j.Append(gameday.Event{Kind: gameday.EventEnd}))
			require.NoError(t, j.Close())
			events, err = ReadJournal(path)
			require.NoError(t, err)
			require.Len(t, events, c.events+1, "an append follows the last whole line")
		})
	}
}

// fullDisk writes only the first half of a line, as a disk that fills up does.
type fullDisk struct {
	file
	full        bool
	cannotCut   bool
	truncatedAt int64
}

var errFull = errors.New("no space left on device")

func (f *fullDisk) Write(b []byte) (int, error) {
	if !f.full {
		return f.file.Write(b)
	}
	n, err := f.file.Write(b[:len(b)/2])
	return n, errors.Join(err, errFull)
}

func (f *fullDisk) Truncate(size int64) error {
	if f.cannotCut {
		return errFull
	}
	f.truncatedAt = size
	return f.file.Truncate(size)
}

func TestAFullDiskLeavesNoHalfLine(t *testing.T) {
	s := open(t)
	r := create(t, s, "a")
	require.NoError(t, r.Append(injecting("a-f1")))
	disk := &fullDisk{file: r.Journal.file, full: true}
	r.Journal.file = disk
	err := r.Append(gameday.Event{Kind: gameday.EventHealing, FaultID: "a-f1"})
	require.ErrorIs(t, err, errFull)
	require.ErrorContains(t, err, "free space")
	disk.full = false
	require.NoError(t, r.Append(gameday.Event{Kind: gameday.EventHealed, FaultID: "a-f1"}))

	disk.full, disk.cannotCut = true, true
	require.Error(t, r.Append(gameday.Event{Kind: gameday.EventNote}))
	disk.full = false
	require.ErrorContains(t, r.Append(gameday.Event{Kind: gameday.EventNote}), "an earlier line is damaged", "nothing may follow half a line")
	require.NoError(t, r.Close())

	events, err := ReadJournal(r.Path(journalFile))
	require.NoError(t, err)
	require.Len(t, events, 2)
	require.Empty(t, gameday.OpenFaults(events))
}

func TestRunsAreListedAndResolved(t *testing.T) {
	s := open(t)
	_, err := s.Resolve("last")
	require.ErrorContains(t, err, "holds no runs")
	for _, id := range []string{"20260101-a", "20260102-b", "20260102-c"} {
		require.NoError(t, create(t, s, id).Close())
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir("20260102-b"), journalFile), []byte("damage\n"), 0o644))
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.NoError(t, list[0].Err)
	require.ErrorContains(t, list[1].Err, "not an event")
	for ref, want := range map[string]string{"": "20260102-c", "last": "20260102-c", "20260101": "20260101-a", "20260102-b": "20260102-b"} {
		got, err := s.Resolve(ref)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	_, err = s.Resolve("20260102")
	require.ErrorContains(t, err, "it is the start of")
	_, err = s.Resolve("../etc")
	require.ErrorContains(t, err, "no such run")
	_, err = s.Load("../etc")
	require.ErrorContains(t, err, "no such run")
	_, err = s.Create(gameday.Meta{Run: "../x"}, gameday.Plan{})
	require.ErrorContains(t, err, "no name for a run")
	_, err = s.Create(gameday.Meta{Run: "x"}, gameday.Plan{})
	require.ErrorContains(t, err, "20260102-b", "a journal that cannot be read may hold anything open")
}

func TestIDsSortAsTheirTimes(t *testing.T) {
	at := time.Date(2026, 11, 21, 22, 47, 1, 999e6, time.UTC)
	a, b := NewID(at), NewID(at.Add(time.Millisecond))
	require.Less(t, a, b)
	require.True(t, strings.HasPrefix(a, "20261121-224701-999-"), a)
	require.Regexp(t, runName, a)
}

func TestAPlanOfANewerVersionIsRefused(t *testing.T) {
	s := open(t)
	r, err := s.Create(gameday.Meta{Run: "a"}, gameday.Plan{Version: gameday.PlanVersion + 1})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	_, err = s.Load("a")
	require.ErrorContains(t, err, "use a newer one")
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"at":"0s","kind":"run.start"}` + "\n"))
	f.Add([]byte("{}\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, whole, err := parseJournal("journal.jsonl", text)
		if err != nil {
			return
		}
		again, size, err := parseJournal("journal.jsonl", text[:whole])
		if err != nil || size != whole || len(again) != len(events) {
			t.Fatalf("the whole lines read differently: %v", err)
		}
	})
}
