package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// maxFactor bounds a surge, so that a slip of the pen is not an attack.
const maxFactor = 1000

var (
	_ gameday.Platform = (*Player)(nil)
	_ gameday.Surger   = (*Player)(nil)
	_ gameday.Holder   = (*Player)(nil)
)

// surges are the multiplications in force. Each ends by itself when its time or its lease is over.
type surges struct {
	mu    sync.Mutex
	holds []*surge
}

type surge struct {
	grip    gameday.Grip
	factor  float64
	flow    string
	began   time.Time
	renewed time.Time
}

func (s *surge) left(now time.Time) time.Duration {
	left := time.Duration(1<<63 - 1)
	if s.grip.For > 0 {
		left = s.grip.For.Std() - now.Sub(s.began)
	}
	if s.grip.Lease > 0 {
		left = min(left, s.grip.Lease.Std()-now.Sub(s.renewed))
	}
	return left
}

// active returns the surges that have not ended. The slice is never changed afterwards.
func (s *surges) active() []*surge {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.holds) == 0 {
		return nil
	}
	now := time.Now()
	over := func(h *surge) bool { return h.left(now) <= 0 }
	if slices.ContainsFunc(s.holds, over) {
		s.holds = slices.DeleteFunc(slices.Clone(s.holds), over)
	}
	return s.holds
}

func (s *surges) drop(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = slices.DeleteFunc(slices.Clone(s.holds), func(h *surge) bool { return h.grip.Fault == fault })
}

func (s *surges) add(h *surge) {
	s.drop(h.grip.Fault)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = append(slices.Clone(s.holds), h)
	slices.SortFunc(s.holds, func(a, b *surge) int { return cmp.Compare(a.grip.Fault, b.grip.Fault) })
}

// factor returns the product of all surges.
func factor(active []*surge) float64 {
	f := 1.0
	for _, h := range active {
		f *= h.factor
	}
	return f
}

// Name returns "traffic".
func (p *Player) Name() string { return "traffic" }

// Find returns the load itself when s asks for traffic. The load belongs to the harness, so it carries
// whatever labels are asked for.
func (p *Player) Find(_ context.Context, s gameday.Selector) ([]gameday.Target, error) {
	if s.Kind != gameday.KindTraffic || s.Service != "" || s.Zone != "" || s.Instance != "" && s.Instance != p.Name() {
		return nil, nil
	}
	return []gameday.Target{{Kind: gameday.KindTraffic, Name: p.Name(), Labels: s.Labels, Healthy: true}}, nil
}

// Surge multiplies the offered load from now on. Sessions in progress are copied from their start with what they
// have sent so far, so that the load steps up at once and the copies log in like everybody else. A factor below
// 1 mutes that share of the sessions. Several surges multiply.
func (p *Player) Surge(_ context.Context, factor float64, flow string, g gameday.Grip) error {
	if !(factor > 0 && factor <= maxFactor) {
		return fmt.Errorf("surge by %g: want a factor above 0, and at most %d", factor, maxFactor)
	}
	if _, ok := p.routes.index(flow); flow != "" && !ok {
		return fmt.Errorf("surge flow %q: no such flow", flow)
	}
	if p.config.Steady {
		return errors.New("surge: this load is steady, and remembers too little of its sessions to copy them")
	}
	now := time.Now()
	p.surges.add(&surge{g, factor, flow, now, now})
	return nil
}

// Offered returns the product of the surges in force, and the requests sent in the last second.
func (p *Player) Offered(context.Context) (float64, float64, error) {
	return factor(p.surges.active()), p.rates.sent(), nil
}

// Held lists the surges in force.
func (p *Player) Held(context.Context) ([]gameday.Hold, error) {
	var held []gameday.Hold
	active := p.surges.active()
	p.surges.mu.Lock()
	defer p.surges.mu.Unlock()
	now := time.Now()
	for _, h := range active {
		what := fmt.Sprintf("traffic x%g", h.factor)
		if h.flow != "" {
			what = fmt.Sprintf("traffic of flow %s x%g", h.flow, h.factor)
		}
		held = append(held, gameday.Hold{Grip: h.grip, What: []string{what}, Left: gameday.Duration(h.left(now))})
	}
	return held, nil
}

// Renew starts the leases of the named faults anew.
func (p *Player) Renew(_ context.Context, faults []string) error {
	active := p.surges.active()
	p.surges.mu.Lock()
	defer p.surges.mu.Unlock()
	for _, h := range active {
		if slices.Contains(faults, h.grip.Fault) {
			h.renewed = time.Now()
		}
	}
	return nil
}

// Release ends the surge of the fault: copies that it made fall silent within a quarter of a second.
func (p *Player) Release(_ context.Context, fault string) error {
	p.surges.drop(fault)
	return nil
}

// watchSurges follows the surges that began or ended. One that begins copies the sessions in progress: each copy
// starts at the session's start and plays what the session has sent so far. A session that is as old as a uniform
// share of its length then has a copy for just that share, so that old sessions' copies end at the rate at which
// those of new sessions begin, and the load is a step.
func (f *feed) watchSurges() {
	active := f.surges.active()
	if slices.Equal(active, f.surging) {
		return
	}
	before := f.surging
	f.surging = active
	for _, h := range active {
		if h.flow != "" || slices.Contains(before, h) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(f.trails)) {
			t := f.trails[name]
			f.mute(t, h)
			if !t.inProgress(f.lastAt) {
				continue
			}
			for range f.surplus(t, h) {
				f.replayHistory(t, f.voice(t, h))
			}
		}
	}
}

// surplus returns how many copies a surge adds to a session.
func (f *feed) surplus(t *trail, h *surge) int {
	return copies(max(0, f.plan.amplify*(h.factor-1)), hash(f.seed, "surge", h.grip.Fault, t.name, strconv.Itoa(f.pass)))
}

// mute silences the share of a session's voices that a surge below 1 takes away.
func (f *feed) mute(t *trail, h *surge) {
	for _, v := range t.voices {
		v.muted = v.muted || share(hash(f.seed, "mute", h.grip.Fault, v.sess.name)) >= h.factor
	}
}

func (f *feed) replayHistory(t *trail, v *voice) {
	shift := f.now() + soon + f.jitter(v)/4 - t.history[0].due - f.cap.stretched()
	for _, s := range t.history {
		f.add(s, shift, v)
	}
}

// copyRequest adds what surges of a single flow make of one request of a voice: requests in sessions of their
// own, which know what the voice's session was told.
func (f *feed) copyRequest(t *trail, v *voice, s step) {
	for _, h := range f.surging {
		if h.flow == "" || h.factor <= 1 || f.editor.routes.flows[s.req.flow].Name != h.flow || v.by != nil && v.by.flow != "" {
			continue
		}
		number := strconv.Itoa(v.sent)
		for range copies(h.factor-1, hash(f.seed, "surge", h.grip.Fault, v.sess.name, number, strconv.FormatUint(f.seq, 10))) {
			c := f.voice(t, h)
			c.sess.bound = v.sess.bound
			f.add(s, v.shift+f.jitter(c)/4, c)
		}
	}
}
