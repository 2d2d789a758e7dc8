package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

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
		plan: newPlan(c), pauses: newPauses(c.Traffic.MaxWait), cap: newGovernor(c.Traffic.RateCap, c.Traffic.CapBy, c.Seed), lead: leadOf(c.Traffic, c.Middleware),
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
		backlog: newBacklog(c.Shards, c.Traffic.Pace == paceThink), targets: len(p.addrs), reserved: c.Reserved,
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
	f.UnresolvedBy, f.LockedOut = p.engine.missing.report(), p.engine.lockedOut.report()
	f.Waited, f.Spilled, f.Resent = p.engine.waited.Load(), p.engine.spilled.Load(), p.engine.resent.Load()
	f.Unheld = p.engine.unheld.Load()
	f.Senders, f.Messages = p.engine.senders(), p.engine.books.report()
	err := fold.report(f, p.lag.report(f))
	f.Filtered, f.ShapeOnly = p.feed.rules.Filtered(), p.feed.shapes
	f.Closed, f.Capped, f.Middleware = p.feed.pauses.report(), p.feed.cap.report(), p.feed.detour.report()
	f.Problems = p.problems(f, fold.pool, fold.room)
	return t, err
}
