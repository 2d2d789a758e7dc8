package metrics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/gameday-dev/gameday"
)

// Scraper fills a store from targets and collectors until it is stopped. Only Store must be set.
type Scraper struct {
	Store *Store

	// Targets lists the pages to scrape. It is asked every second, because instances come and go. When it
	// fails, the targets stay as they were, and gameday_metrics_discovery_errors_total counts.
	Targets func(ctx context.Context) ([]Target, error)

	Collectors []gameday.Collector // read once per interval

	Interval    time.Duration // between two scrapes of a target, at most 1 s; 500 ms when zero
	Timeout     time.Duration // of one scrape; 1 s when zero
	Concurrency int           // scrapes at once; 16 when zero
	BodyLimit   int64         // bytes of one page; 4 MiB when zero
	PageLimit   int           // samples of one page; 20,000 when zero

	client *http.Client
	slots  chan *bytes.Buffer // one for each scrape at once, to read its page into
	trouble
}

// trouble counts what went wrong in scraping as such, beside what up says of each target.
type trouble struct {
	discovery atomic.Int64 // lists of targets that could not be had
	missed    atomic.Int64 // scrapes that did not begin in time
	last      atomic.Pointer[error]
}

// discoveryInterval is how often Targets is asked.
const discoveryInterval = time.Second

// Run scrapes until ctx ends, waits for the scrapes under way and returns nil. An error means that the
// scraper was set up wrongly; then nothing was done.
func (s *Scraper) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	defer s.client.CloseIdleConnections()
	var wg sync.WaitGroup
	wg.Go(func() { s.collect(ctx) })
	if s.Targets != nil {
		s.discover(ctx, &wg)
	}
	wg.Wait()
	return nil
}

// LastError returns the last failure to list or scrape targets, or nil: for messages, not for judging.
func (s *Scraper) LastError() error {
	if err := s.last.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Scraper) prepare() error {
	if s.Store == nil {
		return errors.New("scrape metrics: no store to keep them in")
	}
	if s.Interval == 0 {
		s.Interval = 500 * time.Millisecond
	}
	if s.Interval < 0 || s.Interval > time.Second {
		return fmt.Errorf("scrape metrics: an interval of %s is not in (0s, 1s]: judging goes by seconds", s.Interval)
	}
	if s.Timeout <= 0 {
		s.Timeout = time.Second
	}
	if s.Concurrency <= 0 {
		s.Concurrency = 16
	}
	if s.BodyLimit <= 0 {
		s.BodyLimit = 4 << 20
	}
	if s.PageLimit <= 0 {
		s.PageLimit = 20_000
	}
	s.client = newClient(s.Timeout)
	s.slots = make(chan *bytes.Buffer, s.Concurrency)
	for range s.Concurrency {
		s.slots <- new(bytes.Buffer)
	}
	return nil
}

// discover keeps one goroutine per target, and starts and stops them as the list changes.
func (s *Scraper) discover(ctx context.Context, wg *sync.WaitGroup) {
	running := map[string]context.CancelFunc{}
	for tick := time.NewTicker(discoveryInterval); ; {
		if targets, err := s.Targets(ctx); err != nil {
			if ctx.Err() == nil {
				s.discovery.Add(1)
				s.note(fmt.Errorf("list targets to scrape: %w", err))
			}
		} else {
			s.follow(ctx, wg, running, targets)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			for _, stop := range running {
				stop()
			}
			return
		case <-tick.C:
		}
	}
}

func (s *Scraper) follow(ctx context.Context, wg *sync.WaitGroup, running map[string]context.CancelFunc, targets []Target) {
	listed := map[string]bool{}
	for _, t := range targets {
		key := t.URL + " " + labels.FromMap(t.Labels).String()
		listed[key] = true
		if _, ok := running[key]; !ok {
			life, stop := context.WithCancel(ctx)
			running[key] = stop
			wg.Go(func() { s.watch(ctx, life, t) })
		}
	}
	for key, stop := range running {
		if !listed[key] {
			stop()
			delete(running, key)
		}
	}
}

// watch scrapes one target until life ends. When it was the target that ended, not the run, its series end too.
func (s *Scraper) watch(run, life context.Context, t Target) {
	p := newPage(s.Store, t, exposition{symbols: labels.NewSymbolTable(), limit: s.PageLimit})
	s.every(life, offset(t.URL, s.Interval), func() {
		var body *bytes.Buffer
		select {
		case body = <-s.slots:
		case <-life.Done():
			return
		}
		defer func() { s.slots <- body }()
		if err := p.scrape(life, s.client, body, s.BodyLimit); err != nil && life.Err() == nil {
			s.note(err)
		}
	})
	if run.Err() == nil {
		p.end()
	}
}

// collect reads the collectors and the scraper's own counts, at the beginning of each interval.
func (s *Scraper) collect(ctx context.Context) {
	known := map[string]*kept{}
	turn := uint64(0)
	var key []byte
	s.every(ctx, 0, func() {
		turn++
		t := s.Store.unixMilli(s.Store.now())
		for _, c := range append(s.Collectors[:len(s.Collectors):len(s.Collectors)], (*self)(s)) {
			for _, sample := range c.Collect() {
				l := labelsOf(sample)
				key = l.Bytes(key)
				k, ok := known[string(key)]
				if !ok {
					k = &kept{series: s.Store.series(l)}
					known[string(key)] = k
				}
				k.turn = turn
				if k.series != nil {
					s.Store.add(k.series, t, sample.Value)
				}
			}
		}
		for key, k := range known {
			if k.turn != turn {
				if k.series != nil {
					s.Store.end(k.series, t)
				}
				delete(known, key)
			}
		}
	})
}

// every calls f at offset, offset+Interval ... of the run's clock until ctx ends. A call that takes longer
// than an interval costs the calls that were due meanwhile, which are counted.
func (s *Scraper) every(ctx context.Context, offset time.Duration, f func()) {
	interval := s.Interval
	next := func() time.Duration { // how long until the next multiple
		now := s.Store.now().Std() - offset
		return interval - ((now%interval)+interval)%interval
	}
	timer := time.NewTimer(next())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		began := s.Store.now().Std()
		f()
		if over := s.Store.now().Std() - began; over > interval {
			s.missed.Add(int64(over / interval))
		}
		timer.Reset(next())
	}
}

// offset spreads the targets over the interval, each at the same place in every run.
func offset(url string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(url)) // a hash does not fail
	return time.Duration(h.Sum64() % uint64(interval))
}

func (s *Scraper) note(err error) { s.last.Store(&err) }

// self gives the scraper's own counts as series.
type self Scraper

// Collect implements gameday.Collector.
func (s *self) Collect() []gameday.Sample {
	stats := s.Store.Stats()
	samples := []gameday.Sample{
		{Name: "gameday_metrics_series", Value: float64(stats.Series)},
		{Name: "gameday_metrics_samples_total", Value: float64(stats.Samples)},
		{Name: "gameday_metrics_discovery_errors_total", Value: float64(s.discovery.Load())},
		{Name: "gameday_metrics_missed_scrapes_total", Value: float64(s.missed.Load())},
	}
	for _, why := range []Reason{OverSeries, OverSamples, OverLabels, BadLabels, OutOfOrder} {
		samples = append(samples, gameday.Sample{
			Name: "gameday_metrics_dropped_total", Labels: map[string]string{"reason": string(why)}, Value: float64(stats.Dropped[why]),
		})
	}
	return samples
}
