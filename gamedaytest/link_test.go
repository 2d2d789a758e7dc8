package gamedaytest

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// echo is a service that speaks no HTTP.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

func say(c net.Conn) (time.Duration, error) {
	start := time.Now()
	if err := c.SetDeadline(start.Add(patience)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c, "x"); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return time.Since(start), err
}

// slow is an added latency that is measured, and endless one that is not waited for: what comes in spite of it was not
// held back by it, however busy this machine is.
const (
	slow     = 200 * time.Millisecond
	endless  = 5 * time.Minute
	patience = time.Minute
)

func slowness(name string, by time.Duration) []gameday.LinkRule {
	return []gameday.LinkRule{{To: gameday.Endpoint{Service: name}, Direction: gameday.Response, Latency: gameday.Duration(by)}}
}

func terms(fault string, length, lease time.Duration) gameday.Grip {
	return gameday.Grip{Fault: fault, For: gameday.Duration(length), Lease: gameday.Duration(lease)}
}

func TestARuleActsOnOpenConnectionsOfItsLinkOnlyAndIsProbed(t *testing.T) {
	db, cache := Proxy(t, "db", echo(t)), Proxy(t, "cache", echo(t))
	require.Error(t, db.dialled())
	all := links{db, cache}
	ctx := t.Context()
	toDB, err := net.Dial("tcp4", db.Addr())
	require.NoError(t, err)
	defer toDB.Close()
	_, err = say(toDB)
	require.NoError(t, err)
	require.NoError(t, db.dialled())

	require.NoError(t, all.Shape(ctx, slowness("db", slow), terms("f1", time.Minute, time.Minute)))
	took, err := say(toDB)
	require.NoError(t, err)
	require.GreaterOrEqual(t, took, slow)
	probed, err := all.Probe(ctx, gameday.Endpoint{}, gameday.Endpoint{Service: "db"})
	require.NoError(t, err)
	require.GreaterOrEqual(t, probed.Std(), slow, "the link is measured whatever its upstream speaks")
	held, err := all.Held(ctx)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, []string{"link db latency 200ms"}, held[0].What)

	require.NoError(t, all.Release(ctx, "f1"))
	require.NoError(t, all.Shape(ctx, slowness("db", endless), terms("f2", time.Minute, time.Minute)))
	_, err = all.Probe(ctx, gameday.Endpoint{}, gameday.Endpoint{Service: "cache"})
	require.NoError(t, err, "the other link is not slow")
	require.Error(t, cache.dialled(), "a probe is nobody's use of the link")
	require.NoError(t, all.Release(ctx, "f2"))
	_, err = say(toDB)
	require.NoError(t, err, "nor is this one any more")
}

func TestACutBreaksConnectionsAndProbes(t *testing.T) {
	db := Proxy(t, "db", echo(t))
	all := links{db}
	c, err := net.Dial("tcp4", db.Addr())
	require.NoError(t, err)
	defer c.Close()
	_, err = say(c)
	require.NoError(t, err)
	require.NoError(t, all.Shape(t.Context(), []gameday.LinkRule{{To: gameday.Endpoint{Service: "db"}, Cut: true}}, terms("f1", time.Minute, time.Minute)))
	_, err = say(c)
	require.Error(t, err)
	_, err = all.Probe(t.Context(), gameday.Endpoint{}, gameday.Endpoint{Service: "db"})
	var lost *gameday.ProbeError
	require.ErrorAs(t, err, &lost)
	require.NoError(t, all.Release(t.Context(), "f1"))
	require.NoError(t, all.Release(t.Context(), "f1"), "releasing twice is releasing once")
	_, err = all.Probe(t.Context(), gameday.Endpoint{}, gameday.Endpoint{Service: "db"})
	require.NoError(t, err)
}

func TestALinkLetsGoByItself(t *testing.T) {
	for _, row := range []struct {
		name          string
		length, lease time.Duration
		renew         bool
	}{
		{"when its time is over", 300 * time.Millisecond, time.Hour, true},
		{"when nobody renews its lease", time.Hour, 300 * time.Millisecond, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			all := links{Proxy(t, "db", echo(t))}
			begun := time.Now()
			require.NoError(t, all.Shape(t.Context(), slowness("db", slow), terms("f1", row.length, row.lease)))
			require.Eventually(t, func() bool {
				if row.renew {
					require.NoError(t, all.Renew(t.Context(), []string{"f1", "unknown"}))
				}
				return !held(t, all)
			}, patience, 20*time.Millisecond)
			require.GreaterOrEqual(t, time.Since(begun), min(row.length, row.lease))
		})
	}
	t.Run("but not while the lease is renewed", func(t *testing.T) {
		t.Parallel()
		const lease = 300 * time.Millisecond
		all := links{Proxy(t, "db", echo(t))}
		hold := func() time.Time {
			require.NoError(t, all.Shape(t.Context(), slowness("db", slow), terms("f1", time.Hour, lease)))
			return time.Now()
		}
		begun := hold()
		for renewed := begun; time.Since(begun) < 3*lease; time.Sleep(20 * time.Millisecond) {
			asked := time.Now()
			require.NoError(t, all.Renew(t.Context(), []string{"f1", "unknown"}))
			inTime := time.Since(renewed) < lease
			if renewed = asked; held(t, all) {
				continue
			}
			require.False(t, inTime && time.Since(asked) < lease, "let go less than %v after it was renewed", lease)
			begun = hold() // this machine was too busy to renew it in time, so it begins anew
			renewed = begun
		}
	})
}

func held(t *testing.T, all links) bool {
	t.Helper()
	list, err := all.Held(t.Context())
	require.NoError(t, err)
	return len(list) > 0
}

func TestRulesThatMeanNothingAreRefused(t *testing.T) {
	all := links{Proxy(t, "db", echo(t))}
	to := gameday.Endpoint{Service: "db"}
	good := terms("f1", time.Minute, time.Minute)
	for _, row := range []struct {
		name string
		rule gameday.LinkRule
		grip gameday.Grip
	}{
		{"a link that is not there", gameday.LinkRule{To: gameday.Endpoint{Service: "moon"}, Cut: true}, good},
		{"a caller that is not there", gameday.LinkRule{From: gameday.Endpoint{Service: "moon"}, To: to, Cut: true}, good},
		{"a rule without an effect", gameday.LinkRule{To: to}, good},
		{"a direction that is none", gameday.LinkRule{To: to, Cut: true, Direction: "up"}, good},
		{"a time below zero", gameday.LinkRule{To: to, Cut: true, Latency: -1}, good},
		{"no name", gameday.LinkRule{To: to, Cut: true}, terms("", time.Minute, time.Minute)},
		{"no end", gameday.LinkRule{To: to, Cut: true}, terms("f1", 0, time.Minute)},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Error(t, all.Shape(t.Context(), []gameday.LinkRule{row.rule}, row.grip))
			held, err := all.Held(t.Context())
			require.NoError(t, err)
			require.Empty(t, held)
		})
	}
}

func TestOnlyThisMachineIsTouched(t *testing.T) {
	for _, upstream := range []string{"192.0.2.1:80", "0.0.0.0:80", "127.0.0.1:0", "127.0.0.1", "http://127.0.0.1:80", "[::1]:80", ""} {
		_, err := loopback(upstream)
		require.Error(t, err, upstream)
	}
	at, err := loopback("localhost:5432")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:5432", at.String())
}
