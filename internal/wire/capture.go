package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// CaptureOptions say what is recorded.
type CaptureOptions struct {
	To         string   // base URL of the service
	Listen     string   // address of the proxy
	Interfaces []string // watched instead, when there are any: what passes them from and to Ports; see passive.Interfaces
	Packets    string   // read instead: a file or pipe of pcap or pcapng, "-" for standard input
	Ports      []uint16
	VXLAN      uint16 // UDP port of tunnels that packets come through; 0 for none
	Engine     passive.Engine
	Buffer     int64 // of packets that were not read yet, bytes; 0 means the default of passive.Interfaces
	Remote     bool  // Listen may be an address that other machines reach
	Security   Security
	Out        string // path of the tape, or of the directory of a reel
	Rotation   Rotation
	Rules      redact.Rules
	Choose     Rules             // filters and rewriting, before redaction
	Middleware MiddlewareOptions // sees what is left, redacted
	RedactKey  string            // file with the key of pseudonyms; see newRedactor
	Keys       Keys              // who may read the tape
	Sessions   capture.Sessions
	Match      string // only requests whose path begins so; all when empty
	Replays    bool   // replayed requests too
	Limits     Limits
	KillFile   string           // nothing is recorded while this file exists
	Kill       <-chan os.Signal // the first one ends recording
	Tool       string
	Ready      func(addr string)     // called when the proxy listens
	Progress   func(CaptureProgress) // called every second, and at the end; may be nil
	Counted    func(replay.Counts)   // called with the ledger when all is counted, before the tape is packed; may be nil
	Packed     func(tape.Packed)     // called at the end; may be nil
	Problem    func(error)           // told of what is wrong with packets but does not end the capture; may be nil
}

// CaptureProgress is how far a capture is.
type CaptureProgress struct {
	capture.Status
	Elapsed time.Duration
	Written int64 // bytes on disk
}

// Capture stands as a proxy in front of a service, or watches an interface, and records what passes until ctx ends.
// Secrets are replaced before anything is written. It returns the ledger of the capture.
func Capture(ctx context.Context, o CaptureOptions) (replay.Counts, error) {
	forbidDumps()
	if len(o.Interfaces) > 0 || o.Packets != "" {
		return o.capturePackets(ctx)
	}
	listener, security, err := o.listen()
	if err != nil {
		return replay.Counts{}, err
	}
	tap, serve, w, err := o.front(security)
	if err != nil {
		return replay.Counts{}, errors.Join(err, listener.Close())
	}
	if o.Ready != nil {
		o.Ready(listener.Addr().String())
	}
	return o.run(ctx, tap, w, func() error { return serve(ctx, listener) })
}

// run captures until capturing returns, watched, and closes the tape.
func (o CaptureOptions) run(ctx context.Context, tap *capture.Tap, w recorder, capturing func() error) (replay.Counts, error) {
	defer collectLess(o.Limits.Memory)()
	began := time.Now()
	watched, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	watchers.Go(func() { o.watch(watched, tap, w, began) })
	err := capturing()
	stop()
	watchers.Wait()
	if o.Progress != nil {
		o.Progress(CaptureProgress{tap.Status(), time.Since(began), w.Written()})
	}
	if counts := tap.Counts(); o.Counted != nil && (err == nil || counts.Arrived() > 0) { // else it never began
		o.Counted(counts)
	}
	err = errors.Join(err, w.Close())
	if o.Packed != nil {
		o.Packed(w.Packed())
	}
	return tap.Counts(), err
}

// listen opens the door for clients, when it may be open to those who can reach it.
func (o CaptureOptions) listen() (l *net.TCPListener, p capture.ProxyOptions, err error) {
	if p.Server, err = o.Security.server(); err != nil {
		return nil, p, err
	}
	if p.Upstream, err = o.Security.upstream(); err != nil {
		return nil, p, err
	}
	far, err := remote(o.Listen)
	if err != nil {
		return nil, p, err
	}
	if far && !o.Remote {
		return nil, p, Refused{fmt.Errorf("listen on %s: other machines would reach the service through it: add --allow-remote if they are to", o.Listen)}
	}
	if o.toItself() {
		return nil, p, Refused{fmt.Errorf("listen on %s: the proxy would call itself, for that is where %s is: choose another address with --listen", o.Listen, o.To)}
	}
	open, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, p, fmt.Errorf("listen for clients: %w; choose another address with --listen", err)
	}
	return open.(*net.TCPListener), p, nil
}

// toItself reports whether what comes to the service comes to the proxy in front of it.
func (o CaptureOptions) toItself() bool {
	service, err := url.Parse(o.To)
	if err != nil {
		return false // which is told of elsewhere
	}
	port := cmp.Or(service.Port(), service.Scheme) // "http" is the name of one
	to, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(service.Hostname(), port))
	if err != nil {
		return false // nobody knows yet
	}
	at, err := net.ResolveTCPAddr("tcp", o.Listen)
	if err != nil || at.Port != to.Port {
		return false
	}
	anywhere := at.IP == nil || at.IP.IsUnspecified()
	return at.IP.Equal(to.IP) || anywhere && to.IP.IsLoopback()
}

// flushPeriod leaves room for late timers: a kill -9 is to cost 100 ms at most.
const flushPeriod = tape.DefaultFlush / 2

// front starts what stands in front of the service, and the tape that it records to. What is in plain text on both sides
// passes as it is; where one of them speaks TLS, requests are made anew.
func (o CaptureOptions) front(p capture.ProxyOptions) (tap *capture.Tap, serve func(context.Context, *net.TCPListener) error, w recorder, err error) {
	p.Options, w, err = o.recording("proxy", fmt.Sprintf("proxy in front of %s", o.To), time.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	if p.Server == nil && !o.secure() {
		var relay *passive.Relay
		if relay, err = passive.NewRelay(o.To, w, p.Options); err == nil {
			return relay.Tap, relay.Serve, w, nil
		}
	} else {
		var proxy *capture.Proxy
		if proxy, err = capture.NewProxy(o.To, w, p); err == nil {
			return proxy.Tap, func(ctx context.Context, l *net.TCPListener) error { return proxy.Serve(ctx, l) }, w, nil
		}
	}
	return nil, nil, nil, errors.Join(err, closeMiddleware(p.Middleware), w.Close(), os.RemoveAll(o.Out))
}

// secure reports whether the service speaks TLS.
func (o CaptureOptions) secure() bool {
	to, err := capture.ParseService(o.To)
	return err == nil && to.Scheme == "https"
}

// recording starts the tape of a capture, which its ledger calls source, and says how the capture is to go there.
func (o CaptureOptions) recording(source, about string, start time.Time) (c capture.Options, w recorder, err error) {
	redactor, err := newRedactor(o.Rules, o.RedactKey)
	if err != nil {
		return c, nil, err
	}
	rules, err := o.Choose.compile()
	if err != nil {
		return c, nil, err
	}
	sealed, err := o.Keys.Write()
	if err != nil {
		return c, nil, err
	}
	sealed.Flush = flushPeriod
	sealed.Pack = o.Limits.packing(o.Out, o.Rotation, func() int64 { return w.Written() })
	through, err := o.Middleware.recording(start, o.Problem)
	if err != nil {
		return c, nil, err
	}
	w, err = createRecorder(o.Out, tape.Meta{
		Created: time.Now(), Start: start, Source: about, Tool: o.Tool, Redaction: redactor.Policy(),
	}, sealed, o.Rotation)
	if err != nil {
		return c, nil, errors.Join(err, closeMiddleware(through))
	}
	c = capture.Options{
		Source: source, Start: start, Redact: redactor.Exchange, Sessions: o.Sessions, Replays: o.Replays,
		Rules: rules, Middleware: through, Sample: o.Limits.Sample, Budget: o.Limits.budget(w, o.Out, o.Rotation),
	}
	if memory := o.Limits.Memory; memory > 0 {
		c.MemoryMax = min(64<<20, memory/4)
	}
	if o.Match != "" {
		c.Filter = func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, o.Match) }
	}
	return c, w, nil
}

const killPeriod = 100 * time.Millisecond // between two looks for the kill file

// watch obeys the kill switches and tells of progress until ctx ends.
func (o CaptureOptions) watch(ctx context.Context, tap *capture.Tap, w recorder, began time.Time) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var look <-chan time.Time // never, without a file: each look wakes the process
	if o.KillFile != "" {
		ticker := time.NewTicker(killPeriod)
		defer ticker.Stop()
		look = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.Kill:
			tap.Stop(capture.LostKill)
		case <-look:
			o.obeyFile(tap)
		case <-second.C:
			if o.Progress != nil {
				o.Progress(CaptureProgress{tap.Status(), time.Since(began), w.Written()})
			}
		}
	}
}

// lostKillFile is another cause than that of the signal: taking the file away does not undo the signal.
const lostKillFile = capture.LostKill + " by file"

func (o CaptureOptions) obeyFile(tap *capture.Tap) {
	if _, err := os.Lstat(o.KillFile); errors.Is(err, fs.ErrNotExist) {
		tap.Resume(lostKillFile)
		return
	}
	tap.Stop(lostKillFile) // also when it cannot be told: rather too little than too much
}
