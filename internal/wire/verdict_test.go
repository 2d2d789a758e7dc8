package wire

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
)

// recorded is a copy of a run that passed, with more events before the end of its journal.
func recorded(t *testing.T, more ...gameday.Event) (dir string) {
	t.Helper()
	dir = t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("../../harness/judge/testdata/runs/all-well")))
	var lines []byte
	for _, e := range more {
		line, err := json.Marshal(e)
		require.NoError(t, err)
		lines = append(append(lines, line...), '\n')
	}
	journal, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = journal.Write(lines)
	require.NoError(t, err)
	require.NoError(t, journal.Close())
	return dir
}

func TestAVerdictSaysWhatTheJournalHasAgainstIt(t *testing.T) {
	whole, err := Judge(t.Context(), recorded(t), nil)
	require.NoError(t, err)
	require.Equal(t, gameday.ResultPass, whole.Result)
	require.Contains(t, whole.Record.Verdict.Sentence, "held")

	skipped := gameday.Event{Kind: gameday.EventSkipped, Step: whole.Record.Plan.Steps[0].Name, Text: "its claim is taken"}
	doubtful, err := Judge(t.Context(), recorded(t, skipped), nil)
	require.NoError(t, err)
	require.Equal(t, gameday.ResultInconclusive, doubtful.Result)
	require.Contains(t, doubtful.Record.Verdict.Sentence, "Nothing is proven: step")
	require.Contains(t, doubtful.Record.Verdict.Sentence, "its claim is taken")
}

func TestAJudgementThatIsStoppedLeavesTheVerdictThatThereWas(t *testing.T) {
	dir := recorded(t)
	before, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	for _, settle := range []func(int) bool{nil, func(int) bool { cancel(harness.Interrupted{Signal: os.Interrupt}); return false }} {
		if settle == nil {
			stopped, stop := context.WithCancelCause(t.Context())
			stop(harness.Interrupted{Signal: os.Interrupt})
			_, err = Judge(stopped, dir, nil)
		} else {
			_, err = Judge(ctx, dir, settle)
		}
		var signal harness.Interrupted
		require.ErrorAs(t, err, &signal)
		require.ErrorContains(t, err, "judge it with: gameday judge")
		after, err := os.ReadFile(filepath.Join(dir, "verdict.json"))
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
}
