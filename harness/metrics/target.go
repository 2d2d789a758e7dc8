package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/gameday-dev/gameday"
)

// Target is one page of metrics.
type Target struct {
	URL    string
	Labels map[string]string // set on each of its series; by custom job, service, instance, zone
}

// page is the state of one target between scrapes: which series it had, so that those that go away are
// marked, and so that labels are read once per series and not once per sample.
type page struct {
	target Target
	labels labels.Labels
	store  *Store
	format exposition
	known  map[string]*kept // by what a page calls them
	looks  *pattern         // of the page before, when all its series are known; nil when it is not
	turn   uint64
	batch  []*kept // of the present scrape, in step with values
	values []float64

	up, duration, scraped *series
}

// kept is one known series of a page.
type kept struct {
	key    string  // what the page calls it
	series *series // nil when a limit turned it away
	turn   uint64  // of the last scrape that had it
}

func newPage(s *Store, t Target, format exposition) *page {
	p := &page{target: t, labels: labels.FromMap(t.Labels), store: s, format: format, known: map[string]*kept{}}
	own := func(name string) *series {
		return s.series(withTarget(labels.FromStrings(model.MetricNameLabel, name), p.labels))
	}
	p.up, p.duration, p.scraped = own("up"), own("scrape_duration_seconds"), own("scrape_samples_scraped")
	return p
}

// scrape asks for the page once and stores what it says, all at the moment of asking. A page that cannot
// be had or read leaves no sample but up 0. The body is read into a buffer whose content is of no use to
// anybody else, before or after.
func (p *page) scrape(ctx context.Context, client *http.Client, body *bytes.Buffer, bodyLimit int64) error {
	at := p.store.now()
	contentType, err := fetch(ctx, client, p.target.URL, body, bodyLimit)
	if ctx.Err() != nil {
		return ctx.Err() // cut short by us: it says nothing of the target
	}
	if err == nil {
		if err = p.read(body.Bytes(), contentType); err != nil {
			err = fmt.Errorf("scrape %s: %w", p.target.URL, err)
		}
	}
	if err != nil {
		p.batch, p.values = p.batch[:0], p.values[:0]
	}
	p.commit(at, p.store.now()-at, err == nil)
	return err
}

// read collects the samples of the page into the batch.
func (p *page) read(body []byte, contentType string) error {
	var ok bool
	if p.values, ok = p.looks.read(body, contentType, p.values[:0]); ok {
		p.batch = append(p.batch[:0], p.looks.series...)
		return nil
	}
	p.batch, p.values, p.looks = p.batch[:0], p.values[:0], nil
	err := p.format.parse(body, contentType, func(key []byte, read func(*labels.Labels), value float64) error {
		k, ok := p.known[string(key)]
		if !ok {
			var l labels.Labels
			read(&l)
			k = &kept{key: string(key), series: p.store.series(withTarget(l, p.labels))}
			p.known[k.key] = k
		}
		p.batch, p.values = append(p.batch, k), append(p.values, value)
		return nil
	})
	if err != nil {
		return err
	}
	p.looks = learn(body, contentType, p.batch, p.values)
	return nil
}

// commit stores the batch and marks what is gone since the scrape before.
func (p *page) commit(at, took gameday.Duration, ok bool) {
	t := p.store.unixMilli(at)
	p.turn++
	there := 0
	for i, k := range p.batch {
		if k.turn != p.turn {
			k.turn = p.turn
			there++
		}
		p.put(k.series, t, p.values[i])
	}
	if there < len(p.known) {
		p.drop(t)
	}
	up := 0.0
	if ok {
		up = 1
	}
	p.put(p.up, t, up)
	p.put(p.duration, t, took.Seconds())
	p.put(p.scraped, t, float64(len(p.batch)))
}

// drop ends the series that the present scrape did not have.
func (p *page) drop(t unixMilli) {
	p.looks = nil // it may know some of them
	for key, k := range p.known {
		if k.turn == p.turn {
			continue
		}
		if k.series != nil {
			p.store.end(k.series, t)
		}
		delete(p.known, key)
	}
}

func (p *page) put(to *series, t unixMilli, v float64) {
	if to != nil {
		p.store.add(to, t, v)
	}
}

// end marks everything of the target as gone, up included: it is no longer a target.
func (p *page) end() {
	t := p.store.unixMilli(p.store.now())
	for _, k := range p.known {
		if k.series != nil {
			p.store.end(k.series, t)
		}
	}
	for _, own := range []*series{p.up, p.duration, p.scraped} {
		if own != nil {
			p.store.end(own, t)
		}
	}
}

// fetch reads a page into body, in place of what was there.
func fetch(ctx context.Context, client *http.Client, url string, body *bytes.Buffer, limit int64) (contentType string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("scrape %s: %w", url, err)
	}
	req.Header.Set("Accept", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("scrape %s: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("scrape %s: answered %s", url, resp.Status)
	}
	body.Reset()
	n, err := body.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("scrape %s: %w", url, err)
	case n > limit:
		return "", fmt.Errorf("scrape %s: page exceeds the limit of %d bytes", url, limit)
	}
	return resp.Header.Get("Content-Type"), nil
}

// newClient returns a client that keeps one connection per target, asks nobody for a proxy and follows
// no redirect: a target that sends elsewhere is not the target.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true, // on loopback, compressing costs more than it saves
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
