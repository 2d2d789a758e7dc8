package tape_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gameday-dev/gameday/replay/tape"
)

// FuzzManifest feeds manifests that are damaged, or do not fit the tapes beside them: a reel may be refused, and must not
// panic, hang, or read what is not in its directory.
func FuzzManifest(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "reel")
	w, err := tape.CreateReel(dir, tape.Meta{Source: "test"}, tape.ReelOptions{Options: tape.Options{Flush: time.Millisecond, Sync: -1}, Size: 2000})
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range shopping(40, 1) {
		if err := w.Record(x); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, hostile := range []string{
		`{}`, `{"version":1}`, `{"version":1,"tapes":[{"file":"../x.gdtape"}]}`, `{"version":1,"tapes":[{"file":"000001.gdtape","records":-1,"last_ns":-9}]}`,
		`{"version":1,"tapes":[{"file":"000001.gdtape"},{"file":"000001.gdtape"}],"removed":{"tapes":-1}}`, `{"version":1,"tapes":[{"file":"gone.gdtape","sha256":"00"}]}`,
	} {
		f.Add([]byte(hostile))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := tape.OpenReel(dir, tape.ReadOptions{})
		if err != nil {
			return
		}
		defer r.Close()                            //nolint:errcheck // it was only read
		most := 40 * (1 + len(r.Manifest().Tapes)) // a manifest may name a tape twice
		for n := range most + 1 {
			x, err := r.Next()
			if err != nil {
				return
			}
			if x.Method == "" || n == most {
				t.Fatalf("exchange %d: %+v: there are 40, each with a method", n, x)
			}
		}
	})
}
