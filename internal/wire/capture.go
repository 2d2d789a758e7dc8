package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// CaptureOptions say what is recorded.
type CaptureOptions struct {
	To       string // base URL of the service
	Listen   string // address of the proxy
	Out      string // path of the tape
	Rules    redact.Rules
	Keys     Keys // who may read the tape
	Sessions capture.Sessions
	Match    string // only requests whose path begins so; all when empty
	Tool     string
	Ready    func(addr string) // called when the proxy listens
}

// Capture stands as a proxy in front of a service and records what passes until ctx ends. Secrets are replaced
// before anything is written. It returns the ledger of the capture.
func Capture(ctx context.Context, o CaptureOptions) (replay.Counts, error) {
	redactor, err := redact.New(o.Rules, nil)
	if err != nil {
		return replay.Counts{}, fmt.Errorf("read redaction rules: %w", err)
	}
	sealed, err := o.Keys.Write()
	if err != nil {
		return replay.Counts{}, err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return replay.Counts{}, fmt.Errorf("listen for clients: %w; choose another address with --listen", err)
	}
	start := time.Now()
	w, err := tape.Create(o.Out, tape.Meta{
		Created: start, Start: start, Source: fmt.Sprintf("proxy in front of %s", o.To), Tool: o.Tool, Redaction: redactor.Policy(),
	}, sealed)
	if err != nil {
		return replay.Counts{}, errors.Join(err, listener.Close())
	}
	options := capture.Options{Source: "proxy", Start: start, Redact: redactor.Exchange, Sessions: o.Sessions}
	if o.Match != "" {
		options.Filter = func(r *http.Request) bool {
			return len(r.URL.Path) >= len(o.Match) && r.URL.Path[:len(o.Match)] == o.Match
		}
	}
	proxy, err := capture.NewProxy(o.To, w, capture.ProxyOptions{Options: options})
	if err != nil {
		return replay.Counts{}, errors.Join(err, listener.Close(), w.Close(), os.Remove(o.Out))
	}
	if o.Ready != nil {
		o.Ready(listener.Addr().String())
	}
	err = proxy.Serve(ctx, listener)
	return proxy.Counts(), errors.Join(err, w.Close())
}

// Import turns a .gor file or an access log into a tape, redacting on the way. Records that cannot be used are
// passed to problem and counted.
func Import(from, to, tool string, rules redact.Rules, problem func(error)) (replay.Counts, error) {
	redactor, err := redact.New(rules, nil)
	if err != nil {
		return replay.Counts{}, fmt.Errorf("read redaction rules: %w", err)
	}
	source, err := capture.Open(from, capture.ImportOptions{Problem: problem, Client: func(address, agent string) string {
		return redactor.Pseudonym(address + " " + agent)
	}})
	if err != nil {
		return replay.Counts{}, err
	}
	defer source.Close() //nolint:errcheck // it was only read
	first, err := source.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return source.Counts(), err
	}
	w, createErr := tape.Create(to, tape.Meta{Created: time.Now(), Start: startOf(source), Source: from, Tool: tool, Redaction: redactor.Policy()}, tape.Options{})
	if createErr != nil {
		return replay.Counts{}, createErr
	}
	for x := first; err == nil; x, err = source.Next() {
		redactor.Exchange(x)
		if err := w.Record(x); err != nil {
			return source.Counts(), errors.Join(err, w.Close())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	counts := source.Counts()
	if err = errors.Join(err, w.Account(from, counts), w.Close()); err == nil && counts.Captured == 0 {
		err = errors.Join(fmt.Errorf("import %s: none of its %d records can be used: is it a .gor file or an access log?", from, counts.Arrived()), os.Remove(to))
	}
	return counts, err
}

// startOf returns the wall time of a source's offset zero, where it knows it.
func startOf(s replay.Source) time.Time {
	if t, ok := s.(interface{ Start() time.Time }); ok {
		return t.Start()
	}
	return time.Time{}
}

// Export writes a tape as a .gor file and returns how many exchanges it wrote.
func Export(from, to string) (n int, err error) {
	source, err := tape.Open(from, tape.ReadOptions{})
	if err != nil {
		return 0, err
	}
	defer source.Close() //nolint:errcheck // it was only read
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, fmt.Errorf("export tape: %w", err)
	}
	w := capture.NewGorWriter(f, source.Meta().Start)
	for {
		x, err := source.Next()
		if errors.Is(err, io.EOF) {
			return n, errors.Join(w.Flush(), f.Close())
		}
		if err == nil {
			err = w.Record(x)
		}
		if err != nil {
			return n, errors.Join(err, w.Flush(), f.Close())
		}
		n++
	}
}
