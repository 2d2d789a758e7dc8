package linkproxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// probeRequest starts the requests that measure the link itself. The proxy does not count them, and any
// net/http server answers them without asking its handler.
const probeRequest = "OPTIONS * "

// Probe makes one HTTP round trip from source to a public address on a connection of its own, and
// returns how long it took, connecting included. The context bounds it.
func Probe(ctx context.Context, source netip.Addr, to netip.AddrPort) (time.Duration, error) {
	return probe(ctx, source, to, false)
}

// ProbeEnd is Probe, and waits for the callee to end the connection in order.
func ProbeEnd(ctx context.Context, source netip.Addr, to netip.AddrPort) (time.Duration, error) {
	return probe(ctx, source, to, true)
}

func probe(ctx context.Context, source netip.Addr, to netip.AddrPort, toEnd bool) (time.Duration, error) {
	start := time.Now()
	c, err := dialFrom(ctx, source, to)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	if _, err := fmt.Fprintf(c, "%sHTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", probeRequest, to); err != nil {
		return 0, fmt.Errorf("send request: %w", err)
	}
	answered := bufio.NewReaderSize(c, 512)
	answer, err := http.ReadResponse(answered, nil)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return 0, fmt.Errorf("read answer: %w", err)
	}
	_ = answer.Body.Close() // any status is a round trip; its body is not of interest
	if toEnd {
		if err := readEnd(answered); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return 0, fmt.Errorf("read the end of the connection: %w", err)
		}
	}
	return time.Since(start), nil
}

// answerMax bounds what a probe reads of an answer.
const answerMax = 64 << 10

// readEnd reads until the other side has closed.
func readEnd(r io.Reader) error {
	n, err := io.Copy(io.Discard, io.LimitReader(r, answerMax))
	if err == nil && n == answerMax {
		err = fmt.Errorf("it does not end within %d bytes", answerMax)
	}
	return err
}
