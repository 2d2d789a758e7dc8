//go:build !linux

package linkproxy

import "errors"

// A loop does not exist here: goroutines carry all connections.
type loop struct{}

func newLoop() (*loop, error) { return nil, errors.ErrUnsupported }

func (l *loop) carry(*conn, condition) *relay { return nil }
func (l *loop) stop()                         {}

type relay struct{}

func (r *relay) wait() bool    { return true }
func (r *relay) set(condition) {}
func (r *relay) abort() bool   { return false }
func (r *relay) hangUp() bool  { return false }
