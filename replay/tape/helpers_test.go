package tape_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"reflect"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
)

func readerAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }

// glassLock wraps a key so that everybody sees it: tests that open thousands of tapes would spend their
// time on elliptic curves.
type glassLock struct{}

func (glassLock) Wrap(key []byte) ([]*age.Stanza, error) {
	return []*age.Stanza{{Type: "glass", Body: key}}, nil
}

func (glassLock) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if len(stanzas) != 1 || stanzas[0].Type != "glass" {
		return nil, age.ErrIncorrectIdentity
	}
	return stanzas[0].Body, nil
}

// frameOffsets walks a whole tape by the format page, not by the code under test.
func frameOffsets(b []byte) (offsets []int64) {
	for at := 8; at+52 <= len(b) && string(b[at:at+4]) == "GDFR"; {
		offsets = append(offsets, int64(at))
		at += 52 + int(binary.LittleEndian.Uint32(b[at+8:]))
	}
	return offsets
}

// requireSame shows the first exchange that differs. Comparing by reflection alone is what
// keeps thousands of them affordable under the race detector.
func requireSame(t testing.TB, want, got []*replay.Exchange) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			t.Fatalf("exchange %d: %s", i, cmp.Diff(want[i], got[i]))
		}
	}
}
