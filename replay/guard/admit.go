package guard

import (
	"context"
	"errors"
	"net/http"

	"github.com/gameday-dev/gameday/internal/mark"
)

// Admit is Wrap for what is no handler of net/http, such as an interceptor of an RPC library: it counts the request, and
// returns the context that its handler is to be given. The error of one that goes no further wraps ErrUnsigned,
// ErrExpired or ErrLoop. Of r only Method, Host and Header are looked at.
func (g *Guard) Admit(ctx context.Context, r *http.Request) (context.Context, error) {
	if !mark.Coloured(r.Header) {
		g.ordinary.Add(1)
		return ctx, nil
	}
	known, err := g.verify(r)
	if err != nil {
		count := &g.unsigned
		switch {
		case errors.Is(err, ErrExpired):
			count = &g.expired
		case errors.Is(err, ErrLoop):
			count = &g.loops
		}
		count.Add(1)
		g.tell(r, err)
		return nil, err
	}
	g.replayed.Add(1)
	return context.WithValue(ctx, contextKey{}, known), nil
}

// Pass is Transport for what is no RoundTripper: it returns the headers that a call on behalf of a replayed request is to
// have, in addition to its own; nil for other calls. The error of one that may not go to r.Host wraps ErrBlocked.
func (g *Guard) Pass(ctx context.Context, r *http.Request) (http.Header, error) {
	known, replayed := FromContext(ctx)
	if !replayed {
		return nil, nil
	}
	if err := g.mayCall(known, r.Host); err != nil {
		g.blocked.Add(1)
		g.tell(r, err)
		return nil, err
	}
	h := make(http.Header, 2)
	g.sign(h, known, r.Method, r.Host)
	return h, nil
}
