package platformtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
)

// slow is an added latency that is measured, and endless one that is not waited for: what comes in spite of a rule with
// it was not held back by that rule, however busy this machine is.
const (
	slow    = 100 * time.Millisecond
	endless = 10 * time.Minute
)

func checkShape(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	shape := func(from, to gameday.Endpoint, direction gameday.Direction, latency time.Duration) gameday.Grip {
		g := grip(t)
		g.Fault += "/" + string(direction) + latency.String()
		rule := gameday.LinkRule{From: from, To: to, Direction: direction, Latency: gameday.Duration(latency)}
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{rule}, g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	for _, row := range []struct {
		direction gameday.Direction
		least     time.Duration
	}{{gameday.Request, slow}, {gameday.Response, slow}, {gameday.Both, 2 * slow}} {
		g := shape(w.link.From, w.link.To, row.direction, slow)
		if took, err := w.trip(t); err != nil || took < row.least {
			t.Errorf("%s: a round trip took %v (%v), want at least %v", row.direction, took, err, row.least)
		}
		w.release(t, g.Fault)
		w.release(t, shape(w.link.From, w.link.To, row.direction, endless).Fault)
		if _, err := w.trip(t); err != nil {
			t.Errorf("%s: after release: %v", row.direction, err)
		}
	}
	g := shape(w.link.To, w.link.From, gameday.Both, endless)
	defer w.release(t, g.Fault)
	if _, err := w.trip(t); err != nil {
		t.Errorf("a rule on the way back slowed the way there: %v", err)
	}
}

// dial returns a connection over the link to a port that echoes.
func (w *world) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := able[Dialer](t, w).Dial(t.Context(), w.link.From, w.link.To)
	if err != nil {
		t.Fatalf("dial %s: %v", w.link.Name, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func echoOnce(c net.Conn) (time.Duration, error) {
	start := time.Now()
	if _, err := io.WriteString(c, "x"); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return time.Since(start), err
}

func checkEstablished(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	c := w.dial(t)
	if _, err := echoOnce(c); err != nil {
		t.Fatal(err)
	}
	shape := func(latency time.Duration) gameday.Grip {
		g := grip(t)
		g.Fault += "/" + latency.String()
		rule := gameday.LinkRule{From: w.link.From, To: w.link.To, Latency: gameday.Duration(latency)}
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{rule}, g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	g := shape(slow)
	if took, err := echoOnce(c); err != nil || took < 2*slow {
		t.Errorf("an echo took %v (%v), want at least %v", took, err, 2*slow)
	}
	w.release(t, g.Fault)
	g = shape(endless)
	if _, err := io.WriteString(c, "held"); err != nil {
		t.Fatal(err)
	}
	w.release(t, g.Fault)
	if _, err := io.ReadFull(c, make([]byte, len("held"))); err != nil {
		t.Errorf("what was held back does not come after release: %v", err)
	}
	if _, err := echoOnce(c); err != nil {
		t.Errorf("after release: %v", err)
	}
}

func checkBroken(t *testing.T, w *world) {
	shaper := able[gameday.Shaper](t, w)
	for _, row := range []struct {
		about string
		rule  gameday.LinkRule
		check func(c net.Conn, release func())
	}{
		{"reset", gameday.LinkRule{Reset: true}, func(c net.Conn, release func()) {
			if _, err := echoOnce(c); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("reset: an established connection ended with %v, want a break", err)
			}
			release()
		}},
		{"black hole", gameday.LinkRule{BlackHole: true}, func(c net.Conn, release func()) {
			_, err := io.WriteString(c, "lost")
			release()
			if err == nil {
				_, _ = io.WriteString(c, "more") // shows a hole, where the connection goes on
				err = wholeOrBroken(c, "lostmore")
			}
			if err != nil {
				t.Errorf("black hole: %v", err)
			}
		}},
	} {
		c, g := w.dial(t), grip(t)
		g.Fault += "/" + row.about
		if _, err := echoOnce(c); err != nil {
			t.Fatal(err)
		}
		row.rule.From, row.rule.To = w.link.From, w.link.To
		if err := shaper.Shape(t.Context(), []gameday.LinkRule{row.rule}, g); err != nil {
			t.Fatal(err)
		}
		row.check(c, func() { w.release(t, g.Fault) })
		if _, err := echoOnce(w.dial(t)); err != nil {
			t.Errorf("%s: a connection after release: %v", row.about, err)
		}
	}
}

// wholeOrBroken reads what a connection still carries: all of want, or a part of it and a break.
func wholeOrBroken(c net.Conn, want string) error {
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	switch {
	case string(got[:n]) != want[:n]:
		return fmt.Errorf("it carried %q of %q: a hole", got[:n], want)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it hangs: %w", err)
	}
	return nil
}

func checkCut(t *testing.T, w *world) {
	g := grip(t)
	var established net.Conn
	if _, ok := gameday.Able[Dialer](w.platform); ok {
		established = w.dial(t)
		if _, err := echoOnce(established); err != nil {
			t.Fatal(err)
		}
	}
	defer w.release(t, g.Fault)
	w.cut(t, g)
	var lost *gameday.ProbeError
	if took, err := w.trip(t); !errors.As(err, &lost) {
		t.Errorf("a round trip took %v (%v), want a *ProbeError", took, err)
	}
	if established != nil {
		if _, err := echoOnce(established); err == nil {
			t.Error("an established connection still carries")
		}
	}
	w.release(t, g.Fault)
	if _, err := w.trip(t); err != nil {
		t.Errorf("after release: %v", err)
	}
}

// cut cuts the link on given terms.
func (w *world) cut(t *testing.T, g gameday.Grip) {
	t.Helper()
	if err := able[gameday.Shaper](t, w).Shape(t.Context(), []gameday.LinkRule{{From: w.link.From, To: w.link.To, Cut: true}}, g); err != nil {
		t.Fatal(err)
	}
}

func (w *world) joined(t *testing.T) {
	t.Helper()
	eventually(t, "the link carries again", func() string {
		if _, err := w.trip(t); err != nil {
			return err.Error()
		}
		return ""
	})
}
