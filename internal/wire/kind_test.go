package wire

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFilesAreKnownByWhatTheySayOfThemselves(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		sentence, name, text string
		want                 FileKind
	}{
		{"a scenario says that it is one", "a.yaml", "apiVersion: gameday/v1\nkind: Scenario\n", KindScenario},
		{"in quotes too, and behind comments", "b.yaml", "# a shop\nkind: \"Topology\" # of it\n", KindTopology},
		{"what a field further in says is no matter", "c.yaml", "spec:\n  kind: Scenario\n", ""},
		{"a body may hold a document", "h.gor", "1 0 0\nPOST /apply HTTP/1.1\n\nkind: Topology\n", KindRecording},
		{"whatever its recording is called", "i.txt", "POST http://h/apply\n\nkind: Scenario\n", ""},
		{"a tape is known by its magic, whatever its name", "d.log", "GDTAPE\x00\x03", KindTape},
		{"or by its name, when there is nothing of it yet", "e.gdtape", "", KindTape},
		{"what other tools wrote goes by its name", "f.gor.gz", "\x1f\x8b", KindRecording},
		{"of what is left nothing is said", "g.txt", "GET /\n", ""},
	} {
		path := filepath.Join(dir, row.name)
		require.NoError(t, os.WriteFile(path, []byte(row.text), 0o600))
		require.Equal(t, row.want, kindOf(path), row.sentence)
	}
	require.Empty(t, kindOf(dir), "a directory without a manifest is no reel")
	require.NoError(t, Mistaken(filepath.Join(dir, "e.gdtape"), KindRecording), "a tape is a recording")
	for _, name := range []string{"nowhere.gdtape", "nowhere.gor"} {
		require.ErrorIs(t, Mistaken(filepath.Join(dir, name), KindRecording), fs.ErrNotExist, "a recording that is not there is missed")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "many_0.gor"), []byte("1 0 0\nGET / HTTP/1.1\n\n"), 0o600))
	require.NoError(t, Mistaken(filepath.Join(dir, "many.gor"), KindRecording), "one in numbered files is there")
	require.ErrorContains(t, Mistaken(filepath.Join(dir, "f.gor.gz"), KindTape), "`gameday tape convert ")
}
