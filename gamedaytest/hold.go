package gamedaytest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// hold is what a link keeps up for one fault.
type hold struct {
	grip            gameday.Grip
	rules           []gameday.LinkRule
	begun, renewed  time.Time
	deadline, lease *time.Timer
}

// left returns the time until the link lets go by itself.
func (h *hold) left(now time.Time) time.Duration {
	return max(0, min(h.begun.Add(h.grip.For.Std()).Sub(now), h.renewed.Add(h.grip.Lease.Std()).Sub(now)))
}

// shape adds a rule for a fault.
func (l *Link) shape(rule gameday.LinkRule, g gameday.Grip) error {
	if g.Fault == "" || g.For <= 0 || g.Lease <= 0 {
		return fmt.Errorf("shape %s: fault %q for %s with a lease of %s: want a name, and times of more than 0", l.name, g.Fault, g.For, g.Lease)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.holds[g.Fault]
	if h == nil {
		h = &hold{grip: g, begun: time.Now()}
		h.deadline = time.AfterFunc(g.For.Std(), func() { l.expire(h) })
		h.lease = time.AfterFunc(g.Lease.Std(), func() { l.expire(h) })
		l.holds[g.Fault] = h
	}
	h.renew()
	h.rules = append(h.rules, rule)
	l.apply()
	return nil
}

func (h *hold) renew() {
	h.renewed = time.Now()
	h.lease.Reset(h.grip.Lease.Std())
}

// release lets go of everything that is held for the fault.
func (l *Link) release(fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.holds[fault]; h != nil {
		l.drop(h)
	}
}

// expire lets go of what has had its time, unless it was released or renewed meanwhile.
func (l *Link) expire(h *hold) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holds[h.grip.Fault] == h && h.left(time.Now()) == 0 {
		l.drop(h)
	}
}

// drop ends a hold; l.mu is held.
func (l *Link) drop(h *hold) {
	h.deadline.Stop()
	h.lease.Stop()
	delete(l.holds, h.grip.Fault)
	l.apply()
}

// apply hands the rules of all faults to the proxy; l.mu is held.
func (l *Link) apply() {
	var rules []linkproxy.Rule
	for _, h := range l.sorted() {
		for _, r := range h.rules {
			rules = append(rules, proxyRule(r, l.name))
		}
	}
	l.proxy.SetRules(rules)
}

// sorted returns the holds by fault; l.mu is held.
func (l *Link) sorted() []*hold {
	var all []*hold
	for _, h := range l.holds {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *hold) int { return cmp.Compare(a.grip.Fault, b.grip.Fault) })
	return all
}

func proxyRule(r gameday.LinkRule, callee string) linkproxy.Rule {
	direction := map[gameday.Direction]linkproxy.Direction{gameday.Request: linkproxy.Request, gameday.Response: linkproxy.Response}
	return linkproxy.Rule{
		To: linkproxy.Match{Service: callee}, Direction: direction[r.Direction],
		Latency: r.Latency.Std(), Jitter: r.Jitter.Std(), Bandwidth: r.Bandwidth,
		BlackHole: r.BlackHole, Reset: r.Reset, SlowClose: r.SlowClose.Std(), Cut: r.Cut,
	}
}

// holding lists what is held.
func (l *Link) holding() []gameday.Hold {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []gameday.Hold
	now := time.Now()
	for _, h := range l.sorted() {
		entry := gameday.Hold{Grip: h.grip, Left: gameday.Duration(h.left(now))}
		for _, r := range h.rules {
			entry.What = append(entry.What, fmt.Sprintf("link %s %s", l.name, describe(r)))
		}
		all = append(all, entry)
	}
	return all
}

// describe says in words what a rule does, or nothing when it does nothing.
func describe(r gameday.LinkRule) string {
	var words []string
	for _, w := range []struct {
		given bool
		text  string
	}{
		{r.Cut, "cut"},
		{r.BlackHole, "black hole"},
		{r.Reset, "reset"},
		{r.Latency > 0, "latency " + r.Latency.String()},
		{r.Jitter > 0, "jitter " + r.Jitter.String()},
		{r.Bandwidth > 0, fmt.Sprintf("bandwidth %d B/s", r.Bandwidth)},
		{r.SlowClose > 0, "slow close " + r.SlowClose.String()},
	} {
		if w.given {
			words = append(words, w.text)
		}
	}
	return strings.Join(words, ", ")
}

// checkRule says what is wrong with a rule.
func checkRule(r gameday.LinkRule) error {
	switch {
	case !slices.Contains([]gameday.Direction{"", gameday.Both, gameday.Request, gameday.Response}, r.Direction):
		return fmt.Errorf("direction %q is none of request, response, both", r.Direction)
	case r.Latency < 0 || r.Jitter < 0 || r.SlowClose < 0 || r.Bandwidth < 0:
		return errors.New("a negative time or bandwidth")
	case describe(r) == "":
		return errors.New("the rule changes nothing")
	}
	return nil
}
