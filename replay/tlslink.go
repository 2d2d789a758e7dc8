package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// errAgain says that nothing can be done now, and nothing is broken.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "not ready" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true } // what crypto/tls goes by when it decides whether to go on later

// A tlsLink is TLS over a socket that never blocks. The handshake goes over a net.Conn; from then on ciphertext is
// handed in and out by the caller, since crypto/tls knows nothing of readiness.
type tlsLink struct {
	conn *tls.Conn
	raw  *cipherText
}

// cipherText is what crypto/tls takes for the connection.
type cipherText struct {
	net.Conn        // in the handshake
	after    bool   // it
	in, out  []byte // from the peer, to the peer
	end      error  // after in
}

func (w *cipherText) Read(to []byte) (int, error) {
	switch {
	case !w.after:
		return w.Conn.Read(to)
	case len(w.in) > 0:
		n := copy(to, w.in)
		w.in = w.in[n:]
		return n, nil
	case w.end != nil:
		return 0, w.end
	}
	return 0, errAgain
}

func (w *cipherText) Write(b []byte) (int, error) {
	if !w.after {
		return w.Conn.Write(b)
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// shake does the handshake over nc, which is closed when it fails.
func shake(ctx context.Context, nc net.Conn, config *tls.Config) (*tlsLink, error) {
	l := &tlsLink{raw: &cipherText{Conn: nc}}
	l.conn = tls.Client(l.raw, config)
	if err := l.conn.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	l.raw.after, l.raw.Conn = true, nil
	return l, nil
}

// seal returns b as the peer is to be sent it, together with what TLS itself has to say; valid until the next call.
func (l *tlsLink) seal(b []byte) ([]byte, error) {
	_, err := l.conn.Write(b)
	return l.take(), err
}

// take returns what TLS has to say by itself, such as new keys; valid until the next call of anything.
func (l *tlsLink) take() []byte {
	out := l.raw.out
	l.raw.out = out[:0]
	return out
}

// open gives what the peer sent to plain, in parts that are read into buf, and returns the error that came after it:
// nil while the connection lasts. plain returns false when it wants no more.
func (l *tlsLink) open(sealed []byte, end error, buf []byte, plain func([]byte) bool) error {
	l.raw.in, l.raw.end = sealed, end
	for {
		n, err := l.conn.Read(buf)
		if n > 0 && !plain(buf[:n]) {
			return nil
		}
		switch {
		case err == nil:
		case errors.Is(err, errAgain):
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && errors.Is(end, io.EOF): // many close without a word
			return io.EOF
		default:
			return err
		}
	}
}
