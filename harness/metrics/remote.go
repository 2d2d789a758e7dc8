package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Metrics = (*Remote)(nil)

// Remote answers from a Prometheus that somebody else runs. Its scrape interval and look-back are its
// own: gameday asks for one second steps, and what is older than that Prometheus' look-back has no point.
type Remote struct {
	url   string
	start time.Time
	own   *Store
	api   v1.API
}

// NewRemote returns a Remote for the Prometheus at address, such as http://prometheus:9090, and a run
// that starts at start. A user and password in the address are sent to that host, and show in no error. Questions about nothing but the harness's own series (gameday_*) go to own, which
// may be nil; a question about both kinds at once is an error. It makes no connection yet.
func NewRemote(address string, start time.Time, own *Store) (*Remote, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("use Prometheus: want an address such as http://prometheus:9090") // the one given may hold a password
	}
	who := u.User
	u.User = nil
	client, err := api.NewClient(api.Config{Address: u.String(), Client: &http.Client{
		Timeout: queryTimeout, Transport: authorized{user: who, host: u.Host},
	}})
	if err != nil {
		return nil, fmt.Errorf("use Prometheus at %s: %w", u, err)
	}
	// A Prometheus knows milliseconds and rounds what it is asked: with more than that in the question, half of all runs
	// would find its answers a millisecond beside the seconds that they asked for.
	start = start.Truncate(time.Millisecond)
	return &Remote{url: u.String(), start: start, own: own, api: v1.NewAPI(client)}, nil
}

// authorized sends requests with the credentials for one host, and redirected ones without.
type authorized struct {
	user *url.Userinfo // nil: none
	host string
}

// RoundTrip implements http.RoundTripper.
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.user != nil && r.URL.Host == a.host {
		r = r.Clone(r.Context())
		password, _ := a.user.Password()
		r.SetBasicAuth(a.user.Username(), password)
	}
	return http.DefaultTransport.RoundTrip(r)
}

// Needs is Store.Needs.
func (*Remote) Needs(expr string) (always, sometimes []string, err error) { return needs(expr) }

// Sides is Store.Sides.
func (*Remote) Sides(expr string) ([][3]string, error) { return sides(expr) }

// Range implements gameday.Metrics. A step of 0 is one second.
func (r *Remote) Range(ctx context.Context, expr string, from, to, step gameday.Duration) ([]gameday.Series, error) {
	if step == 0 {
		step = gameday.Duration(time.Second)
	}
	if err := checkQuery(expr, from, to, step); err != nil {
		return nil, err
	}
	switch ours, theirs, err := owners(expr); {
	case err != nil:
		return nil, err
	case ours && theirs:
		return nil, fmt.Errorf("evaluate PromQL %q: gameday_* series and those of Prometheus at %s cannot be mixed in one expression; split it", expr, r.url)
	case ours && r.own != nil:
		return r.own.Range(ctx, expr, from, to, step)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	value, _, _, err := r.api.QueryRange(ctx, expr, v1.Range{Start: r.start.Add(from.Std()), End: r.start.Add(to.Std()), Step: step.Std()})
	if err != nil {
		return nil, r.explain(expr, err)
	}
	matrix, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("query Prometheus at %s: %q gave a %s instead of a matrix", r.url, expr, value.Type())
	}
	return r.offsets(matrix), nil
}

// explain names the server and what a person can do.
func (r *Remote) explain(expr string, err error) error {
	var answer *v1.Error
	switch {
	case errors.As(err, &answer) && answer.Type == v1.ErrBadData:
		return fmt.Errorf("query Prometheus at %s: %q: %w", r.url, expr, err)
	case errors.As(err, &answer):
		return fmt.Errorf("query Prometheus at %s: %w; check that it is healthy (%s/-/ready) and that metrics.prometheus.remote.url is its address",
			r.url, err, strings.TrimSuffix(r.url, "/"))
	}
	return fmt.Errorf("query Prometheus at %s: %w; check that it runs and can be reached from here", r.url, err)
}

func (r *Remote) offsets(matrix model.Matrix) []gameday.Series {
	result := make([]gameday.Series, 0, len(matrix))
	for _, stream := range matrix {
		points := make([]gameday.Point, len(stream.Values))
		for i, p := range stream.Values {
			at := p.Timestamp.Time().Sub(r.start)
			points[i] = gameday.Point{At: gameday.Duration(at), Value: float64(p.Value)}
		}
		if len(points) == 0 {
			continue
		}
		l := make(map[string]string, len(stream.Metric))
		for name, value := range stream.Metric {
			l[string(name)] = string(value)
		}
		if len(l) == 0 {
			l = nil
		}
		result = append(result, gameday.Series{Labels: l, Points: points})
	}
	return result
}

// owners tells whether expr asks for series of the harness, of the system under test, or both.
func owners(expr string) (ours, theirs bool, err error) {
	root, err := parse(expr)
	if err != nil {
		return false, false, err
	}
	for _, name := range metricNames(root) {
		if strings.HasPrefix(name, "gameday_") {
			ours = true
		} else {
			theirs = true
		}
	}
	return ours, theirs, nil
}
