package wire

import (
	"errors"
	"io"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// MiddlewareOptions name a program that sees traffic on its way, by goreplay's protocol. The zero value names none.
type MiddlewareOptions struct {
	Command string    // and its arguments, split at blanks
	Stderr  io.Writer // takes what it says there
}

// replaying puts the program into the configuration of a player, and returns what ends it, given the error of the replay:
// a program that ends badly after its work is done is worth no more than a warning.
func (o MiddlewareOptions) replaying(c *replay.Config, t gameday.TrafficPlan, warn func(error)) (end func(error) error, err error) {
	if o.Command == "" {
		return func(err error) error { return err }, nil
	}
	if t.Diff.Primary != "" {
		return nil, Refused{errors.New("systems that are compared need the same requests, and a middleware sees the answers of one: leave out the middleware or the primary")}
	}
	start, err := recordedAt(c.Open)
	if err != nil {
		return nil, err
	}
	if start.IsZero() {
		start = time.Now()
	}
	m, err := capture.StartMiddleware(capture.MiddlewareOptions{Command: o.Command, Stderr: o.Stderr, Start: start, Problem: few(warn)})
	if err != nil {
		return nil, Refused{err}
	}
	c.Middleware = m
	return func(err error) error { return endMiddleware(m, err, warn) }, nil
}

// recording starts the program for a capture that begins at start; nil when none is named.
func (o MiddlewareOptions) recording(start time.Time, warn func(error)) (*capture.Middleware, error) {
	if o.Command == "" {
		return nil, nil
	}
	m, err := capture.StartMiddleware(capture.MiddlewareOptions{
		Command: o.Command, Stderr: o.Stderr, Start: start, Responses: true, Problem: few(warn),
	})
	if err != nil {
		return nil, Refused{err}
	}
	return m, nil
}

// closeMiddleware ends a program, if there is one, that nobody will use.
func closeMiddleware(m *capture.Middleware) error {
	if m == nil {
		return nil
	}
	return m.Close()
}

// few passes the first problems on: the accounts tell of the others. It may be called by one goroutine at a time.
func few(warn func(error)) func(error) {
	told := 0
	return func(err error) {
		if told++; told <= problemsTold && warn != nil {
			warn(err)
		}
	}
}

const problemsTold = 3

func endMiddleware(m *capture.Middleware, err error, warn func(error)) error {
	ended := m.Close()
	if err == nil && ended != nil && warn != nil {
		warn(ended)
		return nil
	}
	return errors.Join(err, ended)
}
