package linkproxy

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var linkLabels = []string{"src", "dst", "src_zone", "dst_zone"}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// collector exports the counters of a proxy.
type collector struct {
	stats       *stats
	requests    *prometheus.Desc
	sliding     *prometheus.Desc
	connections *prometheus.Desc
	active      *prometheus.Desc
	bytes       *prometheus.Desc
	delay       *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

// Collector returns the gameday_link_* series of the proxy.
func (p *Proxy) Collector() prometheus.Collector {
	with := func(more ...string) []string { return append(slices.Clone(linkLabels), more...) }
	return &collector{
		stats:       p.stats,
		requests:    describe("gameday_link_requests_total", "Requests seen on a link, by the code of their answer; none when unanswered.", with("code")...),
		sliding:     describe("gameday_link_sliding_1s_max", "Most requests within any second that ended in the last two, in steps of 100 ms.", "src", "dst", "code"),
		connections: describe("gameday_link_connections_total", "Connections asked for on a link: opened, refused by the callee, cut by a rule, limited by the proxy.", with("outcome")...),
		active:      describe("gameday_link_connections_active", "Connections open on a link now.", linkLabels...),
		bytes:       describe("gameday_link_bytes_total", "Bytes read from the sender on a link.", with("direction")...),
		delay:       describe("gameday_link_delay_seconds", "Delay that the proxy added to chunks, measured; chunks of plain connections are not in it.", with("direction")...),
	}
}

// Describe sends the descriptions of all series.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.requests, c.sliding, c.connections, c.active, c.bytes, c.delay} {
		ch <- d
	}
}

// Collect sends the counters as they are now.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for _, l := range c.stats.all() {
		c.collectLink(ch, l)
	}
	since := time.Since(c.stats.start)
	c.stats.mu.Lock()
	rates := maps.Clone(c.stats.rates)
	c.stats.mu.Unlock()
	for key, r := range rates {
		ch <- prometheus.MustNewConstMetric(c.sliding, prometheus.GaugeValue, float64(r.peak(since)), key.src, key.dst, key.code)
	}
}

func (c *collector) collectLink(ch chan<- prometheus.Metric, l *link) {
	with := func(more ...string) []string {
		return append([]string{l.key.src, l.key.dst, l.key.srcZone, l.key.dstZone}, more...)
	}
	counter := func(d *prometheus.Desc, value int64, more string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), with(more)...)
	}
	for code, n := range l.counts() {
		counter(c.requests, n, code)
	}
	counter(c.connections, l.opened.Load(), "opened")
	counter(c.connections, l.refused.Load(), "refused")
	counter(c.connections, l.cut.Load(), "cut")
	counter(c.connections, l.limited.Load(), "limited")
	ch <- prometheus.MustNewConstMetric(c.active, prometheus.GaugeValue, float64(l.active.Load()), with()...)
	for _, dir := range []Direction{Request, Response} {
		counter(c.bytes, l.bytes[dir].Load(), dir.String())
		d := &l.delays[dir]
		ch <- prometheus.MustNewConstSummary(c.delay, uint64(d.count.Load()), time.Duration(d.nanoseconds.Load()).Seconds(), nil, with(dir.String())...)
	}
}
