package replay

import (
	"maps"
	"math"
	"strconv"
	"strings"
	"time"
)

// The limits of what is kept of recorded sessions.
const (
	maxHistory  = 32 // requests of one
	maxSessions = 50_000
	forgetIn    = 2 * time.Minute  // one without a request for so long, on the tape, has ended
	fadeIn      = 20 * time.Second // and is not worth copying from its start after so long
)

// A trail is what the feed knows of one recorded session in this pass.
type trail struct {
	name    string
	single  bool // an exchange of which nobody knows who sent it
	lesson  lesson
	voices  []*voice
	history []step
	last    time.Duration // on the tape
	over    time.Duration // nothing of it comes after that, on the tape; not asked where a surge may come
	ended   time.Duration // the request before, on the tape
	made    int           // copies, for their names
}

// inProgress guesses whether the session has not ended: it has not been silent for twice its usual gap.
func (t *trail) inProgress(at time.Duration) bool {
	gap := time.Second
	if n := len(t.history); n > 1 {
		gap = (t.history[n-1].at - t.history[0].at) / time.Duration(n-1)
	}
	return len(t.history) > 0 && at-t.last < 2*gap
}

// think returns how long after the end of the request before it x was sent, at the speed of the plan. It takes note of the
// end of x.
func (t *trail) think(x *Exchange, speed float64) time.Duration {
	pause := max(0, x.At-t.ended)
	t.ended = x.At + x.Upload
	if x.Response != nil {
		t.ended = max(t.ended, x.At+x.Response.Duration)
	}
	return time.Duration(float64(pause) / speed)
}

// A step is one request of a recorded session.
type step struct {
	at, due time.Duration
	think   time.Duration // since the answer before
	req     *request
}

// trail returns the trail of x's session, with its voices. An exchange without a session is one of its own.
func (f *feed) trail(x *Exchange) *trail {
	if f.count%4096 == 0 || len(f.trails) >= maxSessions {
		f.forget(x.At)
	}
	name := x.Session
	if name == "" {
		name = "request-" + strconv.Itoa(f.count)
	}
	t, ok := f.trails[name]
	if !ok {
		name = strings.Clone(name) // or it would hold the record that it stands in
		t = &trail{name: name, single: x.Session == "", over: math.MaxInt64}
		if f.steady && f.sight != nil {
			t.over = f.sight.LastOf(name)
		}
		f.begin(t)
		if x.Session != "" {
			f.trails[name] = t
		}
	}
	t.last = x.At
	return t
}

// begin gives a session that starts now its voices.
func (f *feed) begin(t *trail) {
	for i := range copies(f.plan.amplify, hash(f.seed, "copies", t.name, strconv.Itoa(f.pass))) {
		v := f.voice(t, nil)
		if i > 0 {
			v.shift = f.jitter(v)
		}
		t.voices = append(t.voices, v)
	}
	for _, h := range f.surging {
		if h.flow != "" {
			continue
		}
		f.mute(t, h)
		for range f.surplus(t, h) {
			v := f.voice(t, h)
			v.shift = f.jitter(v)
			t.voices = append(t.voices, v)
		}
	}
}

// forget drops the sessions that have ended; when there are too many, the sooner. Those that are over could still be copied by a
// surge, if one may come.
func (f *feed) forget(at time.Duration) {
	over := func(t *trail) bool { return f.steady && t.over < at }
	for _, t := range f.trails {
		if at-t.last > fadeIn {
			t.history = nil
		}
	}
	for idle := forgetIn; ; idle /= 2 {
		maps.DeleteFunc(f.trails, func(_ string, t *trail) bool { return at-t.last >= idle || over(t) })
		if len(f.trails) < maxSessions {
			return
		}
	}
}
