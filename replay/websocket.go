package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 says so; it protects nothing
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The limits of a WebSocket.
const (
	maxHandshake = 64 << 10 // bytes of the answer's head
	maxControl   = 125      // bytes of a control frame, by RFC 6455
)

// The frames of RFC 6455 that are no messages, and the bits of their heads.
const (
	opPing       = 9
	opPong       = 10
	bitFin       = 0x80
	bitsReserved = 0x70
	bitMask      = 0x80
)

// Statuses of close frames.
const (
	closeNormal = 1000
	closeAway   = 1001
	closeBroken = 1006 // in a recording: the connection ended without a close frame
)

// errProtocol is what a server does that RFC 6455 forbids.
var errProtocol = errors.New(causeBroken)

// errSilent is the end of a server that says nothing about it.
var errSilent = errors.New(causeGone)

// A closed is the end of a server that says why.
type closed uint16

func (c closed) Error() string { return fmt.Sprintf("the server closed with status %d", uint16(c)) }

// A websocket is the client's side of a connection that was upgraded. It does not compress: recordings hold what
// messages say, and no extension is offered.
type websocket struct {
	conn net.Conn
	in   *bufio.Reader

	mu     sync.Mutex // of writing
	out    []byte
	closed bool // a close frame was sent: nothing may follow
}

// upgrade sends the handshake on a fresh connection and reads its answer. The socket is nil when the answer is anything but
// the switch; the error then says what is wrong with it, unless its status does.
func (e *engine) upgrade(ctx context.Context, r *request, raw []byte) (w *websocket, a answer, err error) {
	nc, err := e.dial(ctx)
	if err != nil {
		return nil, a, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() && err == nil {
			w, err = nil, ctx.Err()
		}
		if w == nil {
			nc.Close()
		}
	}()
	if e.secure != nil {
		secure := tls.Client(nc, e.secure)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, a, err
		}
		nc = secure
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	key := base64.StdEncoding.EncodeToString(nonce[:])
	if _, err := nc.Write(withKey(raw, key)); err != nil {
		return nil, a, err
	}
	limit := &io.LimitedReader{R: nc, N: maxHandshake}
	in := bufio.NewReader(limit)
	response, err := http.ReadResponse(in, &http.Request{Method: r.method})
	if err != nil {
		return nil, a, err
	}
	defer response.Body.Close()
	if err := readAnswer(&a, response, r.keeps()); err != nil {
		return nil, a, err
	}
	if err := switched(response, key); err != nil {
		return nil, a, err
	}
	limit.N = math.MaxInt64
	if a.status != http.StatusSwitchingProtocols {
		return nil, a, nil
	}
	return &websocket{conn: nc, in: in}, a, nil
}

// withKey puts the key of the handshake behind the request line.
func withKey(raw []byte, key string) []byte {
	line, rest, _ := bytes.Cut(raw, []byte("\r\n"))
	return slices.Concat(line, []byte("\r\nSec-WebSocket-Key: "+key+"\r\n"), rest)
}

// switched returns what is wrong with an answer to a handshake; nil for a good one, and for one whose status says enough.
func switched(r *http.Response, key string) error {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	switch {
	case r.StatusCode >= 400:
		return nil
	case r.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("the server did not switch to a WebSocket: status %d", r.StatusCode)
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return fmt.Errorf("the server switched to %q, not to a WebSocket", r.Header.Get("Upgrade"))
	case r.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]):
		return errors.New("the server's Sec-WebSocket-Accept does not fit the key")
	case r.Header.Get("Sec-WebSocket-Extensions") != "":
		return fmt.Errorf("the server switched on extensions that nobody offered: %q", r.Header.Get("Sec-WebSocket-Extensions"))
	}
	return nil
}

// write sends one frame, masked as clients must, and waits for its last byte to be taken, at most until the deadline. Any
// goroutine may call it; behind a close frame it sends nothing.
func (w *websocket) write(kind byte, payload []byte, deadline time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	w.closed = kind == byte(CloseMessage)
	b := append(w.out[:0], bitFin|kind)
	switch n := len(payload); {
	case n <= maxControl:
		b = append(b, bitMask|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, bitMask|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, bitMask|127), uint64(n))
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, payload...)
	for i := range payload {
		b[start+i] ^= mask[i&3]
	}
	if w.out = b; cap(b) > bufferSize { // one long message must not be held for long
		w.out = nil
	}
	if err := w.conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	_, err := w.conn.Write(b)
	return err
}

// close sends a close frame.
func (w *websocket) close(status uint16, deadline time.Time) error {
	return w.write(byte(CloseMessage), binary.BigEndian.AppendUint16(nil, status), deadline)
}

// listen reads until the connection ends, and returns why: a closed, errSilent, errProtocol, or what the network says. It
// calls heard for each whole message, answers pings, and holds nothing of what it reads.
func (w *websocket) listen(heard func(), patience time.Duration) error {
	inside := false // a message of which more fragments follow
	for {
		first, size, err := w.head()
		if err != nil {
			return err
		}
		fin, op := first&bitFin != 0, first&0x0f
		switch {
		case op >= 8:
			if size > maxControl || !fin {
				return errProtocol
			}
			if err := w.control(op, int(size), patience); err != nil {
				return err
			}
			continue
		case op > 2 || (op == 0) != inside:
			return errProtocol
		}
		for size > 0 {
			n, err := w.in.Discard(int(min(size, 1<<30)))
			size -= uint64(n)
			if err != nil {
				return ended(err)
			}
		}
		if inside = !fin; fin {
			heard()
		}
	}
}

// head reads the head of a frame. A server does not mask, and no bit is agreed upon.
func (w *websocket) head() (first byte, size uint64, err error) {
	var b [8]byte
	if _, err := io.ReadFull(w.in, b[:2]); err != nil {
		return 0, 0, ended(err)
	}
	if first = b[0]; first&bitsReserved != 0 || b[1]&bitMask != 0 {
		return 0, 0, errProtocol
	}
	long := 0
	switch size = uint64(b[1]); size {
	case 126:
		long = 2
	case 127:
		long = 8
	}
	if long > 0 {
		if _, err := io.ReadFull(w.in, b[8-long:]); err != nil {
			return 0, 0, ended(err)
		}
		clear(b[:8-long])
		size = binary.BigEndian.Uint64(b[:])
	}
	if size > math.MaxInt64 {
		return 0, 0, errProtocol
	}
	return first, size, nil
}

// control takes a control frame: a ping is answered, a close ends.
func (w *websocket) control(op byte, size int, patience time.Duration) error {
	var b [maxControl]byte
	if _, err := io.ReadFull(w.in, b[:size]); err != nil {
		return ended(err)
	}
	switch {
	case op == opPing:
		if err := w.write(opPong, b[:size], time.Now().Add(patience)); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	case op == opPong:
	case op != byte(CloseMessage) || size == 1:
		return errProtocol
	default:
		status := closed(1005) // none was given
		if size >= 2 {
			status = closed(binary.BigEndian.Uint16(b[:]))
		}
		_ = w.write(op, b[:min(size, 2)], time.Now().Add(patience)) // an answer, unless this is one
		return status
	}
	return nil
}

// ended makes one error of the ways in which a connection ends without a word.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errSilent
	}
	return err
}

// causeOf names what ended a conversation, without addresses: causes are counted.
func causeOf(err error) string {
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return skipStopped
	case errors.As(err, &timeout) && timeout.Timeout():
		return causeLate
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}
