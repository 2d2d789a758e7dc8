package capture

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// A dialogue is a connection of a program that was switched to a WebSocket, as the body of the answer that switched it. It
// passes all bytes as they are, and their messages are recorded.
type dialogue struct {
	io.ReadWriteCloser
	tap  *Tap
	talk *Talk
	left atomic.Bool // the server was gone first
	over sync.Once
}

// Read passes on what the server says.
func (d *dialogue) Read(b []byte) (int, error) {
	n, err := d.ReadWriteCloser.Read(b)
	d.talk.Say(true, d.now(), b[:n])
	if err != nil {
		d.left.Store(true)
	}
	return n, err
}

// Write passes on what the program says.
func (d *dialogue) Write(b []byte) (int, error) {
	d.talk.Say(false, d.now(), b) // before the server can answer it
	n, err := d.ReadWriteCloser.Write(b)
	if err != nil {
		d.left.Store(true)
	}
	return n, err
}

// CloseWrite ends one direction, where the connection can.
func (d *dialogue) CloseWrite() error {
	if half, ok := d.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close ends the dialogue.
func (d *dialogue) Close() error {
	d.over.Do(func() {
		d.talk.Cease(false)
		d.talk.Cease(true)
		d.talk.End(d.left.Load(), d.now())
	})
	return d.ReadWriteCloser.Close()
}

// now is the time on the axis of the capture.
func (d *dialogue) now() time.Duration { return time.Since(d.tap.o.Start) }
