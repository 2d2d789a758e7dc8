// Package guard is the receiving side of a replay: it lets a service tell replayed requests from those of
// people, refuse the ones that nobody vouches for, and keep replayed ones from having effects elsewhere.
//
//	client, or gameday replay -> Guard.Wrap -> handler -> Guard.Transport -> next service
//
// Wrap passes ordinary requests untouched. One that says that it is replayed is taken only with a mark that is
// signed with a known key, for this method and host, and not expired; one that has passed this service before is a
// loop, and ends here. Handlers ask [FromContext]; what they call through Transport carries a mark of its own, and
// goes only where [Config.Outbound] says. The package imports nothing beyond the standard library. See the examples.
package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gameday-dev/gameday/internal/mark"
)

// DefaultSkew is how far clocks may differ unless Config says otherwise.
const DefaultSkew = 5 * time.Second

// RefusedHeader is in every answer of Wrap that refuses: "unsigned", "expired" or "loop".
const RefusedHeader = "X-Gameday-Refused"

// Config says whom a Guard trusts. Service and Keys must be set; the zero value of everything else works.
type Config struct {
	// Service names this service in the marks of what it calls: letters, digits, - and _. All instances of a
	// service have the same name.
	Service string

	// Keys sign marks, any of them; what this service calls is signed with the first. Two keys let one be
	// replaced by the other. Each has at least 16 bytes.
	Keys [][]byte

	// Hosts are further names under which replays are addressed to this service: what the sender put into the
	// Host header, where a proxy in between replaces it.
	Hosts []string

	// Outbound lists where Transport lets replayed requests go: "host" (any port), "host:port" or "*.suffix".
	// Empty means nowhere.
	Outbound []string

	Skew time.Duration // by which clocks may differ; 0 means DefaultSkew

	// Refused, when set, is told of each request that was refused or blocked, and why. It must not block.
	Refused func(*http.Request, error)
}

// A Replay is what a valid mark says about a request.
type Replay struct {
	Run      string
	Sequence uint64    // of the request in its run
	Due      time.Time // when the replay meant to send it
	Expires  time.Time
	Via      []string // guarded services that it came through, in order
	Trace    string   // trace id of its traceparent; empty without one
}

// Errors of refused requests; the ones given to Config.Refused and returned by Transport wrap them.
var (
	ErrUnsigned = errors.New("replayed request without a valid mark")
	ErrExpired  = errors.New("replayed request after its time")
	ErrLoop     = errors.New("replayed request came here before")
	ErrBlocked  = errors.New("replayed request may not go there")
)

// Counts is what a Guard has seen.
type Counts struct {
	Ordinary int64 // not replayed, and so not looked into
	Replayed int64 // with a valid mark
	Unsigned int64 // refused
	Expired  int64 // refused
	Loops    int64 // refused
	Blocked  int64 // outbound calls of replayed requests
}

// A Guard stands before the handlers of one service, and behind its clients. It may be used by several goroutines.
type Guard struct {
	config Config
	keys   []*mark.Signer

	ordinary, replayed, unsigned, expired, loops, blocked atomic.Int64
}

// New returns a guard, or says what is wrong with c.
func New(c Config) (*Guard, error) {
	if !mark.IsName(c.Service) {
		return nil, fmt.Errorf("guard service %q: want letters, digits, - and _", c.Service)
	}
	if len(c.Keys) == 0 {
		return nil, errors.New("guard: no key: without one no mark can be verified")
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	c.Hosts, c.Outbound = slices.Clone(c.Hosts), slices.Clone(c.Outbound)
	g := &Guard{config: c}
	for i, key := range c.Keys {
		signer, err := mark.NewSigner(key)
		if err != nil {
			return nil, fmt.Errorf("guard key %d: %w", i+1, err)
		}
		g.keys = append(g.keys, signer)
	}
	return g, nil
}

// Counts returns what g has seen so far.
func (g *Guard) Counts() Counts {
	return Counts{g.ordinary.Load(), g.replayed.Load(), g.unsigned.Load(), g.expired.Load(), g.loops.Load(), g.blocked.Load()}
}

type contextKey struct{}

// FromContext returns what is known of the replayed request that is being handled; false for an ordinary one.
func FromContext(ctx context.Context) (Replay, bool) {
	r, ok := ctx.Value(contextKey{}).(Replay)
	return r, ok
}

// Wrap returns a handler that refuses replayed requests which are unsigned or expired (403) or came here before
// (508), and passes the rest to next.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, err := g.Admit(r.Context(), r)
		if err != nil {
			refuse(w, err)
			return
		}
		if ctx != r.Context() {
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

func (g *Guard) verify(r *http.Request) (Replay, error) {
	run := r.Header.Get(mark.Colour)
	m, err := mark.Verify(g.keys, r.Header.Get(mark.Header), run, r.Method, append([]string{r.Host}, g.config.Hosts...), time.Now(), g.config.Skew)
	switch {
	case errors.Is(err, mark.ErrExpired):
		return Replay{}, fmt.Errorf("%w: %w", ErrExpired, err)
	case err != nil:
		return Replay{}, fmt.Errorf("%w: %w", ErrUnsigned, err)
	case slices.Contains(m.Via, g.config.Service):
		return Replay{}, fmt.Errorf("%w: it passed %s", ErrLoop, strings.Join(m.Via, ", "))
	}
	return Replay{Run: run, Sequence: m.Sequence, Due: m.Issued, Expires: m.Expires(), Via: m.Via, Trace: traceID(r.Header.Get("Traceparent"))}, nil
}

// refuse answers a request that goes no further. The connection stays: a replay must not cost more than it has to.
func refuse(w http.ResponseWriter, err error) {
	status, why := http.StatusForbidden, "unsigned"
	switch {
	case errors.Is(err, ErrExpired):
		why = "expired"
	case errors.Is(err, ErrLoop):
		status, why = http.StatusLoopDetected, "loop"
	}
	w.Header().Set(RefusedHeader, why)
	http.Error(w, err.Error(), status)
}

func (g *Guard) tell(r *http.Request, err error) {
	if g.config.Refused != nil {
		g.config.Refused(r, err)
	}
}

// traceID returns the trace id of a traceparent, or "".
func traceID(parent string) string {
	parts := strings.Split(parent, "-")
	if len(parts) < 4 || len(parts[1]) != 32 {
		return ""
	}
	return parts[1]
}

// Transport returns a RoundTripper for what the service calls; next may be nil for http.DefaultTransport. A call on
// behalf of a replayed request (its context says so) goes only where Config.Outbound allows, with a mark of its own
// that ends when the first one does; elsewhere it fails with ErrBlocked, and nothing is sent. Other calls pass
// untouched.
func (g *Guard) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return transport{g, next}
}

type transport struct {
	guard *Guard
	next  http.RoundTripper
}

// RoundTrip is that of http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	known, replayed := FromContext(r.Context())
	if !replayed {
		return t.next.RoundTrip(r)
	}
	g := t.guard
	if err := g.mayCall(known, r.URL.Host); err != nil {
		g.blocked.Add(1)
		g.tell(r, err)
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	out := r.Clone(r.Context())
	g.sign(out.Header, known, r.Method, host)
	return t.next.RoundTrip(out)
}

// sign puts a mark on a call on behalf of a replayed request.
func (g *Guard) sign(h http.Header, known Replay, method, host string) {
	m := mark.Mark{Sequence: known.Sequence, Issued: known.Due, Life: known.Expires.Sub(known.Due), Via: append(slices.Clone(known.Via), g.config.Service)}
	h.Set(mark.Colour, known.Run)
	h.Set(mark.Header, string(g.keys[0].Append(nil, known.Run, m, method, host)))
}

func (g *Guard) mayCall(known Replay, host string) error {
	if len(known.Via) >= mark.ViaMax {
		return fmt.Errorf("%w: it has passed %d services", ErrBlocked, len(known.Via))
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	for _, allowed := range g.config.Outbound {
		suffix, wild := strings.CutPrefix(allowed, "*")
		if strings.EqualFold(allowed, host) || strings.EqualFold(allowed, name) ||
			wild && strings.HasPrefix(suffix, ".") && len(name) > len(suffix) && strings.EqualFold(name[len(name)-len(suffix):], suffix) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is not among the outbound hosts of %s", ErrBlocked, host, g.config.Service)
}
