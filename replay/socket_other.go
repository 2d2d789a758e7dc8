//go:build !linux

package replay

import (
	"errors"
	"net"
	"time"
)

// A poller here waits for the clock and for being woken alone: connections are carried by net/http.
type poller struct{ woken chan struct{} }

type readiness struct {
	conn           *conn
	read, mayWrite bool
}

func newPoller(bool) (*poller, error) { return &poller{make(chan struct{}, 1)}, nil }

// wake ends the present wait, or the next one. Any goroutine may call it.
func (p *poller) wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// wait returns after at most the timeout.
func (p *poller) wait(timeout time.Duration) []readiness {
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.woken:
	}
	return nil
}

func (p *poller) adopt(_ *conn, nc net.Conn) (*socket, error) {
	nc.Close()
	return nil, errors.ErrUnsupported
}

func (p *poller) close() {}

// A socket does not exist here.
type socket struct{}

func (s *socket) wantWrite(bool) error      { return errors.ErrUnsupported }
func (s *socket) read([]byte) (int, error)  { return 0, errors.ErrUnsupported }
func (s *socket) write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (s *socket) close()                    {}
