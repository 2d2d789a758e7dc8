package tape_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// captured writes a tape with a ledger, a gap at 150 ms, and a conversation of three messages behind the
// fourth exchange.
func captured(t testing.TB, source string, start time.Time, xs []*replay.Exchange) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.gdtape")
	w, err := tape.Create(path, tape.Meta{Source: source, Start: start, Redaction: "p1"}, tape.Options{Flush: time.Hour})
	require.NoError(t, err)
	for i, x := range xs {
		if i == 3 {
			x.Response = &replay.Response{Status: 101}
		}
		require.NoError(t, w.Record(x))
		if i == 3 {
			for n := range 3 {
				require.NoError(t, w.Message(&replay.Message{Exchange: x.Seq, Session: x.Session, At: x.At + time.Duration(n)*40*time.Millisecond, Kind: replay.TextMessage}))
			}
		}
		if i%20 == 19 {
			require.NoError(t, w.Flush())
		}
	}
	require.NoError(t, w.Gap(replay.Gap{From: 150 * time.Millisecond, To: 151 * time.Millisecond, Lost: 4, Cause: replay.LostKernel}))
	require.NoError(t, w.Account(source, replay.Counts{Captured: uint64(len(xs)), Sampled: 5, Lost: replay.Tally{replay.LostKernel: 4}, Messages: 3}))
	require.NoError(t, w.Close())
	return path
}

func made(t testing.TB, r tape.Recipe) (tape.Made, []*replay.Exchange, tape.Info) {
	t.Helper()
	r.To = filepath.Join(t.TempDir(), "made.gdtape")
	m, err := tape.Make(t.Context(), r)
	require.NoError(t, err)
	info, err := tape.Verify(r.To)
	require.NoError(t, err)
	require.False(t, info.HasDamage)
	require.Equal(t, m.Ledger, info.Ledger)
	xs, err := readAll(open(t, r.To, tape.ReadOptions{}))
	require.NoError(t, err)
	require.Len(t, xs, int(m.Kept))
	return m, xs, info
}

func TestMakeCuts(t *testing.T) {
	xs := shopping(200, 41)
	path := captured(t, "proxy", time.Unix(100, 0), xs)
	_, got, info := made(t, tape.Recipe{From: []string{path}, Verb: "cut", Span: tape.Span{From: 60 * time.Millisecond, To: 160 * time.Millisecond}})
	requireSame(t, xs[60:160], got)
	require.Len(t, info.Gaps, 1)
	c := info.Ledger["proxy"]
	require.EqualValues(t, 100, c.Captured)
	require.Equal(t, replay.Tally{"cut": 100}, c.Filtered)
	require.Equal(t, replay.Tally{replay.LostKernel: 4}, c.Lost)
	require.EqualValues(t, 209, c.Arrived(), "every exchange that arrived is still accounted for")
	require.Zero(t, c.Messages, "their exchange is not on it")
	require.Equal(t, "p1", info.Meta.Redaction)

	_, got, info = made(t, tape.Recipe{From: []string{path}, Verb: "cut", Span: tape.Span{To: 50 * time.Millisecond}})
	requireSame(t, xs[:50], got)
	require.Empty(t, info.Gaps, "it is outside")
	require.EqualValues(t, 2, info.Ledger["proxy"].Messages, "the third came later")

	session := xs[3].Session
	m, got, info := made(t, tape.Recipe{From: []string{path}, Verb: "cut", Read: tape.ReadOptions{Sessions: []string{session}}})
	for _, x := range got {
		require.Equal(t, session, x.Session)
	}
	require.EqualValues(t, 200, uint64(m.Kept)+info.Ledger["proxy"].Filtered["cut"])
	require.EqualValues(t, 3, info.Ledger["proxy"].Messages)
}

func TestMakeFilters(t *testing.T) {
	xs := shopping(200, 42)
	path := captured(t, "proxy", time.Unix(100, 0), xs)
	s := replay.Selection{Methods: []string{"POST"}, Statuses: []string{"200"}}
	m, got, info := made(t, tape.Recipe{From: []string{path}, Verb: "filter", Keep: s.Misses})
	require.NotEmpty(t, got)
	for _, x := range got {
		require.Equal(t, "POST", x.Method)
	}
	require.Equal(t, m.Left, info.Ledger["proxy"].Filtered)
	require.Len(t, m.Left, 2, "each condition counts what it left out")
	require.EqualValues(t, 200, uint64(m.Kept)+m.Left.Total())
}

func TestMakeMergesByWallTimeAndKeepsSessionsApart(t *testing.T) {
	a, b := shopping(50, 43), shopping(50, 44)
	first, second := captured(t, "proxy", time.Unix(100, 0), a), captured(t, "proxy", time.Unix(100, 20e6), b)
	m, got, info := made(t, tape.Recipe{From: []string{second, first}, Verb: "merged"})
	require.EqualValues(t, 100, m.Kept)
	require.Equal(t, time.Unix(100, 0).UTC(), info.Meta.Start.UTC())
	last, seqs, of := time.Duration(0), map[uint64]bool{}, map[string]int{}
	for _, x := range got {
		require.GreaterOrEqual(t, x.At, last)
		last = x.At
		require.False(t, seqs[x.Seq])
		seqs[x.Seq] = true
		number, _, _ := strings.Cut(x.Session, "/")
		of[number]++
	}
	require.Equal(t, map[string]int{"1": 50, "2": 50}, of)
	require.Equal(t, b[0].At+20*time.Millisecond, got[seqAt(got, "1/")].At)
	require.EqualValues(t, 50, info.Ledger["proxy (2)"].Captured)
	require.EqualValues(t, 6, info.Ledger.Total().Messages)
	require.Len(t, info.Gaps, 2)

	_, joined, info := made(t, tape.Recipe{From: []string{first, second}, Verb: "merged", Aligned: true, Joined: true})
	require.NotContains(t, joined[0].Session, "/")
	require.Less(t, info.Last, 55*time.Millisecond+80*time.Millisecond)
}

func seqAt(xs []*replay.Exchange, prefix string) int {
	for i, x := range xs {
		if strings.HasPrefix(x.Session, prefix) {
			return i
		}
	}
	return -1
}

func TestMakeRepairs(t *testing.T) {
	xs := shopping(100, 45)
	path := captured(t, "proxy", time.Unix(100, 0), xs)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[frameOffsets(b)[2]+60] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o600))

	to := filepath.Join(t.TempDir(), "y.gdtape")
	_, err = tape.Make(t.Context(), tape.Recipe{From: []string{path}, To: to, Verb: "cut"})
	var damage *tape.Damage
	require.ErrorAs(t, err, &damage)
	require.NoFileExists(t, to, "half a tape looks like a whole one")

	m, got, info := made(t, tape.Recipe{From: []string{path}, Verb: "repaired", Read: tape.ReadOptions{Skip: true}})
	require.Len(t, m.Damage, 1)
	require.Len(t, got, 80)
	require.Equal(t, replay.Tally{replay.LostKernel: 4, tape.LostDamaged: 20}, info.Ledger["proxy"].Lost)
	share, known := info.Ledger.Total().Completeness()
	require.True(t, known)
	require.InDelta(t, 80.0/104, share, 1e-9)
}

func TestMakeEncrypts(t *testing.T) {
	id := identity(t)
	xs := shopping(60, 46)
	path := captured(t, "proxy", time.Unix(100, 0), xs)
	to := filepath.Join(t.TempDir(), "sealed.gdtape")
	_, err := tape.Make(t.Context(), tape.Recipe{From: []string{path}, To: to, Verb: "cut", Options: tape.Options{Recipients: []age.Recipient{id.Recipient()}}})
	require.NoError(t, err)
	_, err = tape.Make(t.Context(), tape.Recipe{From: []string{to}, To: to + "2", Verb: "cut"})
	require.ErrorIs(t, err, tape.ErrLocked)
	m, got, _ := made(t, tape.Recipe{From: []string{to}, Verb: "cut", Read: tape.ReadOptions{Identities: []age.Identity{id}}})
	requireSame(t, xs, got)
	require.EqualValues(t, 60, m.Ledger.Total().Captured)
}
