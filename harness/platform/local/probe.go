package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/linkproxy"
)

// Limits of one probe.
const (
	probeTimeout    = 3 * time.Second
	probeTimeoutMax = time.Minute
)

// errLost marks a round trip that did not come back: an answer of the prober, not its failure.
var errLost = errors.New("no answer")

var clientAddr = netip.MustParseAddr("127.0.0.1")

// probe makes one round trip between two instances of the endpoints, healthy ones where there are any, at the
// public HTTP port. A caller that is down is stood in for at its address. From an empty endpoint it goes as a
// caller from outside. The trip ends with the answer, or with the end of its connection when that is asked.
func (s *Supervisor) probe(ctx context.Context, q probeRequest) (time.Duration, error) {
	from, to, timeout := q.From, q.To, cmp.Or(max(0, q.Timeout.Std()), probeTimeout)
	ctx, cancel := context.WithTimeout(ctx, min(timeout, probeTimeoutMax))
	defer cancel()
	source, caller := clientAddr, ""
	if from != (gameday.Endpoint{}) && from.Service != ClientService {
		in := s.candidate(from, "")
		if in == nil {
			return 0, fmt.Errorf("probe from %s: %w", from, errUnknown)
		}
		source, caller = in.addr, in.name
	}
	callee := s.candidate(to, caller)
	if callee == nil {
		return 0, fmt.Errorf("probe to %s: %w", to, errUnknown)
	}
	trip := linkproxy.Probe
	if q.ToEnd {
		trip = linkproxy.ProbeEnd
	}
	took, err := trip(ctx, source, netip.AddrPortFrom(callee.addr, portPublic))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errLost, err)
	}
	return took, nil
}

// candidate returns the first instance at an endpoint, by name, the healthy ones before the others.
func (s *Supervisor) candidate(e gameday.Endpoint, but string) *instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	var any *instance
	for _, in := range s.sorted() {
		if e.Service != "" && e.Service != in.service.Name || e.Zone != "" && e.Zone != in.zone.Name || in.name == but || in.leaving {
			continue
		}
		if in.healthy {
			return in
		}
		if any == nil {
			any = in
		}
	}
	return any
}
