package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Defaults of Config and of zero fields of its plan.
const (
	DefaultMaxConns = 1024
	DefaultTimeout  = 5 * time.Second
	DefaultMaxLate  = 50 * time.Millisecond
)

// maxShards bounds the threads that send: more than any machine has use for.
const maxShards = 256

// Config says what a Player plays, and to whom. Open and Targets must be set; the zero value of everything else
// works.
type Config struct {
	Run     string // id; every request carries it
	Traffic gameday.TrafficPlan
	Flows   []gameday.Flow
	Phases  gameday.Phases // of the run; without any it lasts until the end of the tape
	Seed    uint64
	Key     []byte // signs the mark of every request, at least 16 bytes; without one it is random, and no receiver can know it

	// Open opens the tape from its start; again for each pass of a loop. A Source that can seek
	// (Seek(time.Duration) error) or close (io.Closer) is asked to.
	Open func() (Source, error)

	// Targets are base URLs: http, https, or unix:///path for HTTP over a Unix socket. The first names the host,
	// connections go to all in turn.
	Targets  []string
	Local    string      // IP address to dial from
	TLS      *tls.Config // for https: certificates of the client, roots ...
	HTTP2    bool        // send everything over HTTP/2; without it only what was recorded so, where the target speaks it
	OwnHost  bool        // requests carry the host that they were recorded with, not that of the target
	MaxConns int         // connections at the same time
	Shards   int         // threads that send, each with its share of sessions and connections; 1 when 0
	Ack      Ack
	Steady   bool     // it will not be asked for a surge, and so keeps nothing of its sessions that only a surge needs
	Sparse   bool     // give no slices of flows in seconds without requests: for many flows, and long replays
	Results  *Results // one record per request, if wanted

	// Shift moves times to the present, if set: it is asked about each value of a request that a rule or a live value does
	// not replace, with the wall times of its recording and of its sending, and says what is sent instead. Recorded is
	// the wall time of the tape's offset zero.
	Shift    func(value string, recorded, now time.Time) (string, bool)
	Recorded time.Time

	// Watch is given every answer, if set, by the threads that send: it must not block. All answers are then kept, up
	// to 256 KiB of their bodies.
	Watch func(*Answered)

	// Middleware is shown every request before the filters and rewriting of the plan, if set, and the answers to those that
	// are no copies. It is of this player alone, which does not close it. Its end ends the replay with an error.
	Middleware Middleware
}

// Ack says which answers acknowledge an effect: the successes of Flow, with the id at the JSON path ID.
type Ack struct{ Flow, ID string }

// A Player offers recorded traffic to a system. The schedule is a function of the tape, the plan and the seed,
// never of the answers: what is late is late in the record too. It plays once.
type Player struct {
	config Config
	base   *url.URL
	addrs  []address
	routes routes
	stamp  *stamp

	surges surges
	rates  *rates
	series *series
	lag    *lag

	mu   sync.Mutex
	acks []gameday.Ack

	engine  *engine
	shards  []*shard
	ledger  *ledger
	feed    *feed
	start   time.Time
	dialled atomic.Int64
	checked bool // see Check
}

// An address is where a target listens.
type address struct{ network, addr string }

// New returns a player, or says what is wrong with c.
func New(c Config) (*Player, error) {
	c = c.withDefaults()
	p := &Player{config: c, routes: newRoutes(c.Flows)}
	rules, err := NewRules(c.Traffic.Filter, c.Traffic.Rewrite)
	if err != nil {
		err = fmt.Errorf("traffic: %w", err)
	}
	if err := errors.Join(c.validate(), p.resolve(), err); err != nil {
		return nil, err
	}
	if p.stamp, err = newStamp(c.Run, c.Key, p.base.Host, c.Traffic); err != nil {
		return nil, err
	}
	maxLate := c.Traffic.MaxLate.Std()
	p.rates, p.series, p.lag = newRates(p.routes.flows), newSeries(p.routes.flows), newLag(maxLate)
	p.ledger = newLedger(p.routes.flows, maxLate, c.Results)
	p.ledger.fold.sparse = c.Sparse
	p.makeEngine()
	editor := newEditor(c, p.routes, p.base.Host, strings.TrimSuffix(p.base.EscapedPath(), "/"))
	if c.Shift != nil {
		editor.shift = func(value string, at, due time.Duration) (string, bool) {
			return c.Shift(value, c.Recorded.Add(at), p.start.Add(due))
		}
	}
	start := func() time.Time { return p.start }
	p.feed = &feed{
		plan: newPlan(c), cap: newGovernor(c.Traffic.RateCap, c.Traffic.CapBy, c.Seed), lead: leadOf(c.Traffic, c.Middleware),
		editor: editor, books: p.engine.books, seed: c.Seed, open: c.Open, now: p.now, surges: &p.surges, rules: *rules,
		detour:  newDetour(c.Middleware, c.Traffic.Timeout.Std(), start),
		backlog: p.engine.backlog, steady: c.Steady, out: p.post, fed: func(until time.Duration) { p.engine.fed.Store(int64(until)) },
	}
	return p, nil
}

// makeEngine prepares what all shards share.
func (p *Player) makeEngine() {
	c := p.config
	p.engine = &engine{
		stamp: p.stamp, timeout: c.Traffic.Timeout.Std(), length: c.Phases.Total().Std(), busy: c.Traffic.Busy, hold: c.Traffic.Connections == connsRecorded,
		think: c.Traffic.Pace == paceThink, retries: c.Traffic.Retries, gap: c.Traffic.RetryGap.Std(), maxConns: (c.MaxConns + c.Shards - 1) / c.Shards,
		now: p.now, ledger: p.ledger, books: newBooks(), taken: p.taken, observe: p.observe, watch: p.watch, ack: p.acknowledge, dial: p.dial,
		backlog: newBacklog(c.Shards, c.Traffic.Pace == paceThink), targets: len(p.addrs),
	}
	secure := c.TLS.Clone()
	if secure == nil {
		secure = &tls.Config{}
	}
	if secure.ServerName == "" {
		secure.ServerName = p.base.Hostname()
	}
	p.engine.courier = newCourier(p.base, secure, c.MaxConns, p.dial)
	p.engine.courier.books, p.engine.courier.now = p.engine.books, p.now
	if p.base.Scheme == "https" {
		p.engine.secure = secure.Clone()
		p.engine.secure.NextProtos = []string{"http/1.1"}
	}
}

func (c Config) withDefaults() Config {
	t := &c.Traffic
	if t.Speed == 0 {
		t.Speed = 1
	}
	if t.Amplify == 0 {
		t.Amplify = 1
	}
	if t.Timeout == 0 {
		t.Timeout = gameday.Duration(DefaultTimeout)
	}
	if t.MaxLate == 0 {
		t.MaxLate = gameday.Duration(DefaultMaxLate)
	}
	if t.MaxLimited == 0 {
		t.MaxLimited = gameday.DefaultMaxLimited
	}
	if t.Pace == "" {
		t.Pace = paceTape
	}
	if t.RateCap != 0 && t.CapBy == "" {
		t.CapBy = capSlow
	}
	if t.Busy == "" {
		t.Busy = "wait"
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	if c.Shards == 0 {
		c.Shards = 1
	}
	if c.Run == "" {
		c.Run = strconv.FormatUint(c.Seed, 16)
	}
	return c
}

func (c Config) validate() error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	t := c.Traffic
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	wrong(c.Open == nil, "traffic: no tape to open")
	wrong(!positive(t.Speed), "traffic speed %g: want a number above 0", t.Speed)
	wrong(!positive(t.Amplify) || t.Amplify > maxFactor, "traffic amplify %g: want a number above 0, and at most %d", t.Amplify, maxFactor)
	wrong(t.Timeout < 0 || t.MaxLate < 0 || t.Start < 0 || t.RetryGap < 0 || t.Retries < 0, "traffic: timeout, max_late, start, retries and retry_gap cannot be negative")
	wrong(!slices.Contains([]string{"", connsPool, connsRecorded}, t.Connections), "traffic connections %q: want pool or recorded", t.Connections)
	wrong(!slices.Contains([]string{"wait", "spill", "drop"}, t.Busy), "traffic busy %q: want wait, spill or drop", t.Busy)
	_, err := gameday.ParseShape(t.Shape)
	wrong(err != nil, "traffic: %w", err)
	wrong(t.Shape != "" && t.Shape != "recorded" && t.Speed != 1, "traffic shape %q sets the rate, and so would speed %g: leave one out", t.Shape, t.Speed)
	wrong(!slices.Contains([]string{paceTape, paceThink}, t.Pace), "traffic pace %q: want tape or think", t.Pace)
	wrong(t.Pace == paceThink && c.Middleware != nil, "traffic pace think: answers bring requests forward, and a middleware has to see them before: choose tape")
	wrong(t.RateCap < 0 || t.RateCap > maxCap || t.RateCap != t.RateCap, "traffic rate_cap %g: want at most %d per second", t.RateCap, maxCap)
	wrong(t.RateCap == 0 && t.CapBy != "" || t.RateCap != 0 && t.CapBy != capSlow && t.CapBy != capThin, "traffic cap_by %q: want slow or thin, beside a rate_cap", t.CapBy)
	wrong(c.Shift != nil && c.Recorded.IsZero(), "traffic: times cannot be moved: the tape does not say when it was recorded")
	wrong(c.MaxConns < 0, "traffic: %d connections", c.MaxConns)
	wrong(c.Shards < 0 || c.Shards > maxShards, "traffic: %d shards: want 1 to %d", c.Shards, maxShards)
	wrong(len(c.Targets) == 0, "traffic: no target URL")
	wrong(!plain.accepts(c.Run), "traffic run %q: cannot stand in a header", c.Run)
	wrong(c.Local != "" && net.ParseIP(c.Local) == nil, "traffic local address %q: not an IP address", c.Local)
	wrong(len(t.Bind) > maxBinds, "traffic bind: %d rules exceed the limit of %d", len(t.Bind), maxBinds)
	for _, b := range t.Bind {
		if err := b.Check(); err != nil {
			problems = append(problems, fmt.Errorf("traffic bind: %w", err))
		}
	}
	wrong(t.Canary != "" && t.Canary[0] != '/', "traffic canary %q: want a path, and what the answer to it has: '/env staging'", t.Canary)
	if c.Ack.Flow != "" {
		_, known := newRoutes(c.Flows).index(c.Ack.Flow)
		wrong(!known, "ledger flow %q: no such flow", c.Ack.Flow)
	}
	return errors.Join(problems...)
}

// resolve reads the targets.
func (p *Player) resolve() error {
	for _, target := range p.config.Targets {
		base, a, err := parseTarget(target)
		if err != nil {
			return err
		}
		if p.base == nil {
			p.base = base
		}
		if base.Scheme != p.base.Scheme {
			return fmt.Errorf("target %q: another scheme than %q", target, p.base)
		}
		p.addrs = append(p.addrs, a)
	}
	return nil
}

// parseTarget returns the base URL of a target and where it listens. A Unix socket is known as localhost.
func parseTarget(target string) (*url.URL, address, error) {
	base, err := url.Parse(target)
	switch {
	case err == nil && base.Scheme == "unix" && base.Host == "" && base.Path != "":
		return &url.URL{Scheme: "http", Host: "localhost"}, address{"unix", base.Path}, nil
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		return nil, address{}, fmt.Errorf("target %q: want a URL such as http://127.0.0.1:8080 or unix:///run/shop.sock", target)
	}
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	return base, address{"tcp", net.JoinHostPort(base.Hostname(), port)}, nil
}

// Sender says in words how requests are sent and, after Run, how many in which way.
func (p *Player) Sender() string {
	ways := p.engine.senders()
	switch {
	case len(ways) == 1:
		return slices.Collect(maps.Keys(ways))[0]
	case len(ways) > 1:
		var parts []string
		for _, way := range slices.Sorted(maps.Keys(ways)) {
			parts = append(parts, fmt.Sprintf("%d by %s", ways[way], way))
		}
		return strings.Join(parts, ", ")
	case p.config.HTTP2 && fastPath:
		return byFrames
	case p.config.HTTP2:
		return byHTTP2
	case !fastPath:
		return byNetHTTP
	}
	return byFastPath
}

func (p *Player) dial(ctx context.Context) (net.Conn, error) {
	a := p.addrs[int(p.dialled.Add(1))%len(p.addrs)]
	d := net.Dialer{KeepAlive: -1}
	if host, _, err := net.SplitHostPort(a.addr); a.network == "tcp" && (err != nil || !p.allowed(host)) {
		d.Control = refusePublic
	}
	if p.config.Local != "" && a.network == "tcp" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(p.config.Local)}
	}
	nc, err := d.DialContext(ctx, a.network, a.addr)
	if err == nil {
		p.engine.opened.Add(1)
	}
	return nc, err
}

// post hands shots to the shards of their sessions.
func (p *Player) post(shots []*shot) {
	var more weight
	for _, x := range shots {
		more.add(x)
	}
	p.engine.backlog.add(more)
	if len(p.shards) == 1 {
		p.shards[0].post(shots)
		return
	}
	parts := make([][]*shot, len(p.shards))
	for _, x := range shots {
		i := x.sess.home % uint64(len(parts))
		parts[i] = append(parts[i], x)
	}
	for i, part := range parts {
		if len(part) > 0 {
			p.shards[i].post(part)
		}
	}
}

// taken notes that a shot is taken in hand so late.
func (p *Player) taken(x *shot, late time.Duration) {
	p.lag.observe(late)
	if x.req.skip == "" && x.attempt == 0 {
		p.rates.due(x.req.flow)
	}
}

func (p *Player) now() time.Duration { return time.Since(p.start) }

// Run plays. See gameday.Load. sink may be nil; the slices are in what is returned, too. A tape that cannot be read, or results that cannot be written, end it with an
// error beside what was done until then.
func (p *Player) Run(ctx context.Context, start time.Time, sink func(gameday.Slice)) (gameday.Traffic, error) {
	if err := p.Check(ctx); err != nil {
		return gameday.Traffic{}, err
	}
	p.start, p.stamp.start = start, start
	p.feed.keys = hash(p.config.Seed, p.config.Run, start.String())
	p.config.Results.begin(start, p.config.Targets[0], p.config.Run)
	for range p.config.Shards {
		s, err := newShard(p.engine)
		if err != nil {
			for _, made := range p.shards {
				made.poller.close()
			}
			return gameday.Traffic{}, fmt.Errorf("prepare to send: %w", err)
		}
		p.shards = append(p.shards, s)
	}
	p.lag.begin()
	cpu := ownCPU()
	began := time.Now()
	ctx, stop := context.WithCancel(ctx)
	defer stop()

	var reading, keeping error
	var players, keeper sync.WaitGroup
	players.Go(func() {
		if reading = p.feed.play(ctx); reading != nil {
			stop()
		}
	})
	for _, s := range p.shards {
		players.Go(func() { s.run(ctx) })
	}
	finished := make(chan struct{})
	var slices []gameday.Slice
	keeper.Go(func() {
		keeping = p.keep(finished, func(s gameday.Slice) {
			slices = append(slices, s)
			if sink != nil {
				sink(s)
			}
		})
	})

	players.Wait()
	for _, s := range p.shards {
		s.forgo()
	}
	p.engine.courier.close()
	close(finished)
	keeper.Wait()
	elapsed := time.Since(began)
	traffic, counting := p.traffic((ownCPU() - cpu).Seconds() / max(elapsed.Seconds(), 1e-9))
	traffic.Slices = slices
	return traffic, errors.Join(reading, keeping, counting)
}

// keep closes seconds, until finished.
func (p *Player) keep(finished <-chan struct{}, sink func(gameday.Slice)) error {
	var failed error
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	second := time.Duration(0)
	for {
		select {
		case <-finished:
			return errors.Join(failed, p.ledger.flush(p.reached(), sink))
		case <-tick.C:
		}
		p.lag.look(p.engine.inFlight.Load())
		if failed == nil {
			failed = p.ledger.close(p.reached(), sink)
		}
		if now := p.now(); now >= second+time.Second {
			second = now.Truncate(time.Second)
			p.rates.tick(p.engine.sentTotal.Load())
			p.lag.tick(int(second / time.Second))
		}
	}
}

// reached returns the offset before which everything that was due has been dispatched.
func (p *Player) reached() time.Duration {
	reached := time.Duration(math.MaxInt64)
	for _, s := range p.shards {
		reached = min(reached, time.Duration(s.reached.Load()))
	}
	if length := p.config.Phases.Total().Std(); length > 0 {
		reached = min(reached, length)
	}
	return reached
}

func (p *Player) observe(s *shot, c gameday.Class, latency time.Duration) {
	phase := gameday.Baseline // without phases, all of it
	if p.config.Phases.Total() > 0 {
		phase = p.config.Phases.At(gameday.Duration(s.due))
	}
	p.series.observe(s.req.flow, phase, c, latency)
}

func (p *Player) acknowledge(s *shot, id string, at time.Duration) {
	p.mu.Lock()
	p.acks = append(p.acks, gameday.Ack{At: gameday.Duration(at), Flow: p.routes.flows[s.req.flow].Name, ID: id})
	p.mu.Unlock()
}

// traffic sums up.
func (p *Player) traffic(cpu float64) (gameday.Traffic, error) {
	fold := &p.ledger.fold
	t := gameday.Traffic{Worst: fold.showWorst(), Acks: p.acks, Fidelity: fold.fidelity}
	f := &t.Fidelity
	f.Unresolved, f.Connections, f.OwnCPU = p.engine.unresolved.Load(), p.engine.opened.Load(), cpu
	f.UnresolvedBy = p.engine.missing.report()
	f.Unheld = p.engine.unheld.Load()
	f.Senders, f.Messages = p.engine.senders(), p.engine.books.report()
	err := fold.report(f, p.lag.report(f))
	f.Filtered, f.ShapeOnly = p.feed.rules.Filtered(), p.feed.shapes
	f.Capped, f.Middleware = p.feed.cap.report(), p.feed.detour.report()
	f.Problems = p.problems(f, fold.pool, fold.room)
	return t, err
}

// problems says why the offered load is not what was planned.
func (p *Player) problems(f *gameday.Fidelity, pool, room int64) []string {
	var problems []string
	bad := func(is bool, format string, args ...any) {
		if is {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	percent := func(n, of int64) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	maxLate := p.config.Traffic.MaxLate
	length := p.config.Phases.Total()
	bad(f.Due == 0, "no request was due: the tape is empty, or starts after the end of the run")
	bad(f.LatenessP99 > maxLate, "requests left late: p99 %s after their due time, the bound is %s; slow the replay down or give it more CPU", f.LatenessP99, maxLate)
	bad(f.LatenessP99 <= maxLate && float64(f.LimitedSecond) > p.config.Traffic.MaxLimited*float64(f.Seconds), "the generator was the limit in %s of %d seconds, at most %g%% are allowed; slow the replay down or give it more CPU",
		limitedSeconds(f), f.Seconds, 100*p.config.Traffic.MaxLimited)
	bad(f.PortsLeft != nil && *f.PortsLeft < minPorts, "fewer than %d ephemeral ports were left; send from more addresses, or keep connections alive", minPorts)
	for _, cause := range []string{MiddlewareSlow, MiddlewareGarbled, MiddlewareEnded} {
		n := f.Skipped[cause]
		bad(n > 0, "%d requests (%.2f%%) were not sent: %s", n, percent(n, f.Due), cause)
	}
	if m := f.Middleware; m != nil {
		bad(m.Late > 0 && f.LatenessP99 > maxLate, "the middleware gave %d of %d requests back after their due time, by up to %s", m.Late, m.Shown, m.LateMax)
		bad(m.Expired > 0, "%d requests were not sent: the middleware gave them back after their time was over", m.Expired)
	}
	bad(pool > 0, "%d requests (%.2f%%) were never sent because all %d connections were busy", pool, percent(pool, f.Due), p.config.MaxConns)
	bad(room > 0, "%d requests (%.2f%%) were never sent because too many others, or too large ones, had not ended; replay with more connections or shards, or more slowly", room, percent(room, f.Due))
	bad(f.OwnCPU > 0.9*float64(runtime.NumCPU()), "the harness itself used %.1f of %d cores; slow the replay down or give it more CPU", f.OwnCPU, runtime.NumCPU())
	bad(f.Unresolved*20 > f.Due, "%d requests (%.1f%%) lacked a live value that the recording has", f.Unresolved, percent(f.Unresolved, f.Due))
	bad(p.feed.ended && length > 0, "the tape ended before the run of %s did; record more, or loop it", length)
	return problems
}
