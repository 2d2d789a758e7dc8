package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gameday-dev/gameday"
)

// Client is a topology as monkeys see it. Everything it does goes through the control API, whichever process
// the supervisor lives in. Its methods may be called from several goroutines.
type Client struct {
	endpoint Endpoint
	http     *http.Client
}

var (
	_ gameday.Platform = (*Client)(nil)
	_ gameday.Holder   = (*Client)(nil)
	_ gameday.Killer   = (*Client)(nil)
	_ gameday.Pauser   = (*Client)(nil)
	_ gameday.Shaper   = (*Client)(nil)
	_ gameday.Switcher = (*Client)(nil)
	_ gameday.Scaler   = (*Client)(nil)
	_ gameday.Observer = (*Client)(nil)
	_ gameday.Prober   = (*Client)(nil)

	_ gameday.EndProber = (*Client)(nil)
)

// callTimeout bounds a call whose context has no deadline. It is longer than anything the supervisor does.
const callTimeout = undoTimeout + 10*time.Second

// NewClient returns a client of the topology at an endpoint. It does not connect yet.
func NewClient(e Endpoint) *Client {
	return &Client{endpoint: e, http: &http.Client{
		Timeout:   callTimeout,
		Transport: &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second},
	}}
}

// Name returns "local".
func (c *Client) Name() string { return "local" }

// Endpoint returns where the client's topology is.
func (c *Client) Endpoint() Endpoint { return c.endpoint }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Ping asks whether the topology lives, and which it is.
func (c *Client) Ping(ctx context.Context) (Ping, error) {
	var p Ping
	return p, c.call(ctx, http.MethodGet, "/v1/ping", nil, &p)
}

// Find implements gameday.Platform.
func (c *Client) Find(ctx context.Context, s gameday.Selector) ([]gameday.Target, error) {
	var found []gameday.Target
	return found, c.call(ctx, http.MethodPost, "/v1/find", s, &found)
}

// Instances lists every instance of the topology, by name, as the supervisor last saw it.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	var all []Instance
	return all, c.call(ctx, http.MethodGet, "/v1/instances", nil, &all)
}

// Held implements gameday.Holder.
func (c *Client) Held(ctx context.Context) ([]gameday.Hold, error) {
	var a faultsAnswer
	return a.Held, c.call(ctx, http.MethodGet, "/v1/faults", nil, &a)
}

// Ended lists the faults that were held once and why each ended, oldest first.
func (c *Client) Ended(ctx context.Context) ([]Ended, error) {
	var a faultsAnswer
	err := c.call(ctx, http.MethodGet, "/v1/faults", nil, &a)
	return a.Ended, err
}

// Renew implements gameday.Holder.
func (c *Client) Renew(ctx context.Context, faults []string) error {
	return c.call(ctx, http.MethodPost, "/v1/renew", renewRequest{faults}, nil)
}

// Release implements gameday.Holder. Killed instances may start again when it returns; they are not up yet.
func (c *Client) Release(ctx context.Context, fault string) error {
	return c.call(ctx, http.MethodDelete, faultPath(fault), nil, nil)
}

// Hold takes hold of several things at once on behalf of a fault.
func (c *Client) Hold(ctx context.Context, fault string, change Change) error {
	return c.call(ctx, http.MethodPut, faultPath(fault), change, nil)
}

func faultPath(fault string) string { return "/v1/faults/" + url.PathEscape(fault) }

// Kill implements gameday.Killer. A zone or a service as target keeps what would start there later down too.
func (c *Client) Kill(ctx context.Context, t gameday.Target, g gameday.Grip) error {
	return c.Hold(ctx, g.Fault, Change{For: g.For, Lease: g.Lease, Kill: []gameday.Target{t}})
}

// Pause implements gameday.Pauser. A zone or a service as target pauses what runs of it now.
func (c *Client) Pause(ctx context.Context, t gameday.Target, g gameday.Grip) error {
	return c.Hold(ctx, g.Fault, Change{For: g.For, Lease: g.Lease, Pause: []gameday.Target{t}})
}

// Shape implements gameday.Shaper. A bandwidth must be at least 1,000 bytes per second.
func (c *Client) Shape(ctx context.Context, rules []gameday.LinkRule, g gameday.Grip) error {
	return c.Hold(ctx, g.Fault, Change{For: g.For, Lease: g.Lease, Links: rules})
}

// Switch implements gameday.Switcher.
func (c *Client) Switch(ctx context.Context, t gameday.Target, name, value string, g gameday.Grip) error {
	return c.Hold(ctx, g.Fault, Change{For: g.For, Lease: g.Lease, Switches: []SwitchChange{{t, name, value}}})
}

// SwitchValue implements gameday.Switcher. Instances that do not run or do not have the switch are left out.
func (c *Client) SwitchValue(ctx context.Context, t gameday.Target, name string) (map[string]string, error) {
	values := map[string]string{}
	return values, c.call(ctx, http.MethodPost, "/v1/switch", switchRequest{t, name}, &values)
}

// Scale implements gameday.Scaler. New instances are spread over the zones of the service; leaving ones drain.
func (c *Client) Scale(ctx context.Context, service string, replicas int) error {
	return c.call(ctx, http.MethodPost, "/v1/scale", scaleRequest{service, replicas}, nil)
}

// Start lets an instance run that was stopped.
func (c *Client) Start(ctx context.Context, instance string) error {
	return c.call(ctx, http.MethodPost, "/v1/start", orderRequest{instance}, nil)
}

// Stop drains an instance and keeps it down until Start.
func (c *Client) Stop(ctx context.Context, instance string) error {
	return c.call(ctx, http.MethodPost, "/v1/stop", orderRequest{instance}, nil)
}

// State implements gameday.Observer, for instances.
func (c *Client) State(ctx context.Context, t gameday.Target) (gameday.State, error) {
	if t.Kind != gameday.KindInstance {
		return gameday.State{}, fmt.Errorf("read state of %s %s: %w", t.Kind, t.Name, gameday.ErrUnsupported)
	}
	var s gameday.State
	return s, c.call(ctx, http.MethodGet, "/v1/instances/"+url.PathEscape(t.Name), nil, &s)
}

// Probe implements gameday.Prober. The context's deadline, or 3 s, bounds the trip.
func (c *Client) Probe(ctx context.Context, from, to gameday.Endpoint) (gameday.Duration, error) {
	return c.probe(ctx, probeRequest{From: from, To: to})
}

// ProbeEnd implements gameday.EndProber. The context's deadline, or 3 s, bounds the trip.
func (c *Client) ProbeEnd(ctx context.Context, from, to gameday.Endpoint) (gameday.Duration, error) {
	return c.probe(ctx, probeRequest{From: from, To: to, ToEnd: true})
}

func (c *Client) probe(ctx context.Context, request probeRequest) (gameday.Duration, error) {
	link := request.From.String() + "->" + request.To.String()
	if deadline, ok := ctx.Deadline(); ok {
		const answerTime = 50 * time.Millisecond // for the answer to come back
		request.Timeout = gameday.Duration(max(10*time.Millisecond, time.Until(deadline)-answerTime))
	}
	var a probeAnswer
	if err := c.call(ctx, http.MethodPost, "/v1/probe", request, &a); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return 0, &gameday.ProbeError{Link: link, Err: err}
		}
		return 0, err
	}
	if a.Lost != "" {
		return 0, &gameday.ProbeError{Link: link, Err: errors.New(a.Lost)}
	}
	return a.Took, nil
}

// call makes one request and decodes its answer.
func (c *Client) call(ctx context.Context, method, path string, body, into any) error {
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return fmt.Errorf("ask topology: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.endpoint.URL+path, &payload)
	if err != nil {
		return fmt.Errorf("ask topology: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.endpoint.Token)
	answer, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("ask topology: %w", context.Cause(ctx))
		}
		return fmt.Errorf("reach the topology: %w; is it still up?", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 16*maxBody))
	if err != nil {
		return fmt.Errorf("ask topology: read answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return refusal(answer.StatusCode, text)
	}
	if into == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("ask topology: read answer: %w", err)
	}
	return nil
}

// refusal turns an error answer back into an error. What the topology does not know is no target.
func refusal(status int, text []byte) error {
	var e errorAnswer
	if err := json.Unmarshal(text, &e); err != nil || e.Error == "" {
		e.Error = fmt.Sprintf("status %d", status)
	}
	if status == http.StatusNotFound {
		return fmt.Errorf("%s: %w", e.Error, gameday.ErrNoTarget)
	}
	return errors.New(e.Error)
}
