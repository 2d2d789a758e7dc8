package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gameday-dev/gameday"
)

// ErrClaimed reports that an open fault already has hold of what another wants to take hold of.
var ErrClaimed = errors.New("claimed by an open fault")

// claims is the table of what open faults have hold of. Two faults on one property would each remember the other's
// damage as the state before, so preparing a fault and claiming its properties is one step under one lock.
type claims struct {
	lock chan struct{} // taken while a fault is prepared; a channel, so that waiting for it can be cancelled

	mu   sync.Mutex
	held map[string][]string // by fault
}

func newClaims() *claims {
	return &claims{lock: make(chan struct{}, 1), held: map[string][]string{}}
}

// take prepares a fault and claims what it names, or fails with what prepare said or with ErrClaimed.
func (c *claims) take(ctx context.Context, prepare func() (gameday.Fault, error)) (gameday.Fault, error) {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return gameday.Fault{}, context.Cause(ctx)
	}
	defer func() { <-c.lock }()
	f, err := prepare()
	if err != nil {
		return f, err
	}
	if len(f.Claims) == 0 {
		return f, errors.New("the fault claims nothing, so nothing keeps another off it")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ours := range f.Claims {
		if holder, theirs, taken := c.holder(ours); taken {
			return f, fmt.Errorf("%q, which fault %s has as %q: %w", ours, holder, theirs, ErrClaimed)
		}
	}
	c.held[f.ID] = f.Claims
	return f, nil
}

// holder returns the fault that has hold of something in common with the claim. The table is locked.
func (c *claims) holder(claim string) (fault, theirs string, taken bool) {
	for fault, held := range c.held {
		for _, theirs := range held {
			if overlap(claim, theirs) {
				return fault, theirs, true
			}
		}
	}
	return "", "", false
}

// taken reports whether an open fault has hold of something in common with the claim.
func (c *claims) taken(claim string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _, taken := c.holder(claim)
	return taken
}

func (c *claims) release(fault string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, fault)
}

// overlap reports whether two claims have something in common: the same words, or links of which one may be the
// other ("link order->promotion cut" and "link *->@z3 cut"), or of which one may touch a zone that the other claims
// whole ("link @z3 cut").
func overlap(a, b string) bool {
	if a == b {
		return true
	}
	linkA, okA := parseLink(a)
	linkB, okB := parseLink(b)
	if !okA || !okB || linkA.property != linkB.property {
		return false
	}
	switch {
	case linkA.whole && linkB.whole:
		return linkA.from == linkB.from
	case linkA.whole:
		return linkB.touches(linkA.from)
	case linkB.whole:
		return linkA.touches(linkB.from)
	}
	return meet(linkA.from, linkB.from) && meet(linkA.to, linkB.to)
}

// linkClaim is a claim on a property of links: from one endpoint to another, or, when whole, of all that touch one.
type linkClaim struct {
	from, to gameday.Endpoint
	whole    bool
	property string
}

func parseLink(claim string) (linkClaim, bool) {
	words := strings.Fields(claim)
	if len(words) != 3 || words[0] != "link" {
		return linkClaim{}, false
	}
	from, to, arrow := strings.Cut(words[1], "->")
	return linkClaim{from: parseEndpoint(from), to: parseEndpoint(to), whole: !arrow, property: words[2]}, true
}

func (l linkClaim) touches(e gameday.Endpoint) bool { return meet(l.from, e) || meet(l.to, e) }

// parseEndpoint reads what Endpoint.String writes.
func parseEndpoint(text string) gameday.Endpoint {
	service, zone, _ := strings.Cut(text, "@")
	if service == "*" {
		service = ""
	}
	return gameday.Endpoint{Service: service, Zone: zone}
}

// meet reports whether something can be at both endpoints.
func meet(a, b gameday.Endpoint) bool {
	same := func(x, y string) bool { return x == "" || y == "" || x == y }
	return same(a.Service, b.Service) && same(a.Zone, b.Zone)
}
