package wire

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAFileIsThereWholeOrNotAtAll, and nothing beside it.
func TestAFileIsThereWholeOrNotAtAll(t *testing.T) {
	late := errors.New("no space left")
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"what goes well is there", nil, []string{"shop.gor"}},
		{"what breaks off is not", late, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			place := filepath.Join(dir, "shop.gor")
			s, err := newSketch(place)
			require.NoError(t, err)
			_, err = s.WriteString("1 ")
			require.NoError(t, err)
			require.NoFileExists(t, place)
			require.ErrorIs(t, s.end(tt.err), tt.err)
			var names []string
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			for _, f := range files {
				names = append(names, f.Name())
			}
			require.Equal(t, tt.want, names)
		})
	}
	taken := filepath.Join(t.TempDir(), "taken")
	require.NoError(t, os.WriteFile(taken, []byte("mine"), 0o600))
	_, err := newSketch(taken)
	require.ErrorIs(t, err, os.ErrExist)
}
