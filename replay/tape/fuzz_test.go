package tape_test

import (
	"os"
	"testing"

	"filippo.io/age"

	"github.com/gameday-dev/gameday/replay/tape"
)

// FuzzReader feeds damaged tapes: a reader may refuse them, and must not panic, hang or take
// memory beyond what the file's size explains.
func FuzzReader(f *testing.F) {
	xs := shopping(6, 1)
	for _, x := range xs { // small seeds: the engine minimises every find byte by byte
		x.Body = nil
	}
	b, err := os.ReadFile(write(f, xs, 2))
	if err != nil {
		f.Fatal(err)
	}
	id, err := age.ParseX25519Identity(fuzzIdentity)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := os.ReadFile(write(f, xs, 2, id.Recipient()))
	if err != nil {
		f.Fatal(err)
	}
	for _, x := range xs {
		x.Body, x.Size = make([]byte, 5000), 5000 // stored once
	}
	shared, err := os.ReadFile(write(f, xs, 2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shared, true)
	f.Add(shared, false)
	f.Add(sealed, true)
	f.Add(sealed[:len(sealed)-30], false)
	f.Add(b, true)
	f.Add(b[:len(b)-30], false)
	f.Add(b[:len(b)/2], true)
	f.Add([]byte("GDTAPE\x00\x01GDFR"), true)
	f.Fuzz(func(t *testing.T, b []byte, skip bool) {
		r, err := tape.NewReader(readerAt(b), int64(len(b)), "fuzz", tape.ReadOptions{Skip: skip, Identities: []age.Identity{id}})
		if err != nil {
			return
		}
		defer r.Close()
		for range 10_000 {
			if _, err := r.Next(); err != nil {
				break
			}
		}
		_ = r.Seek(1000)
		_, _ = r.Next()
		_ = r.Ledger()
		one, err := tape.NewReader(readerAt(b), int64(len(b)), "fuzz", tape.ReadOptions{Skip: skip, Sessions: []string{"s1"}})
		if err != nil {
			return
		}
		_, _ = readAll(one)
		_ = one.Close()
	})
}

// fuzzIdentity opens the encrypted seed; it protects nothing.
const fuzzIdentity = "AGE-SECRET-KEY-16N8HKGGSR0FUD7SHJ96MZR8F9CDJ3GUWDSGYJKRJ68X2CJ4FVU0QS2WWX2"
