package linkproxy

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gameday-dev/gameday/internal/exposition"
)

// Expose adds the gameday_link_* series of the proxy to a page.
func (p *Proxy) Expose(page *exposition.Page) {
	links, rates := p.stats.all()
	page.Family("gameday_link_requests_total", exposition.Counter, "Requests seen on a link, by the code of their answer; none when unanswered.")
	for _, l := range links {
		l.expose(page)
	}
	page.Family("gameday_link_sliding_1s_max", exposition.Gauge, "Most requests within any second that ended in the last two, in steps of 100 ms.")
	since := time.Since(p.stats.start)
	for _, r := range rates {
		page.Add("", r.labels, float64(r.peak(since)))
	}
	page.Family("gameday_link_connections_total", exposition.Counter, "Connections asked for on a link: opened, refused by the callee, cut by a rule, limited by the proxy.")
	for _, l := range links {
		page.Add("", l.labels.cut, float64(l.cut.Load()))
		page.Add("", l.labels.limited, float64(l.limited.Load()))
		page.Add("", l.labels.opened, float64(l.opened.Load()))
		page.Add("", l.labels.refused, float64(l.refused.Load()))
	}
	page.Family("gameday_link_connections_active", exposition.Gauge, "Connections open on a link now.")
	for _, l := range links {
		page.Add("", l.labels.link, float64(l.active.Load()))
	}
	page.Family("gameday_link_bytes_total", exposition.Counter, "Bytes read from the sender on a link.")
	for _, l := range links {
		for _, dir := range directions {
			page.Add("", l.labels.directions[dir], float64(l.bytes[dir].Load()))
		}
	}
	page.Family("gameday_link_delay_seconds", exposition.Summary, "Delay that the proxy added to chunks, measured; chunks of plain connections are not in it.")
	for _, l := range links {
		for _, dir := range directions {
			d := &l.delays[dir]
			page.Add("_sum", l.labels.directions[dir], time.Duration(d.nanoseconds.Load()).Seconds())
			page.Add("_count", l.labels.directions[dir], float64(d.count.Load()))
		}
	}
}

var directions = [...]Direction{Request, Response}

// expose adds the requests so far, in the order of their codes.
func (l *link) expose(page *exposition.Page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, code := range slices.Sorted(maps.Keys(l.requests)) {
		t := l.requests[code]
		page.Add("", t.labels, float64(t.count))
	}
}

// linkLabels are the labels of a link's series, which are the same on every page.
type linkLabels struct {
	link, opened, refused, cut, limited exposition.Labels
	directions                          [3]exposition.Labels // by Direction
}

func (k linkKey) labels() (all linkLabels) {
	outcome := func(of string) exposition.Labels {
		return exposition.LabelsOf("dst", k.dst, "dst_zone", k.dstZone, "outcome", of, "src", k.src, "src_zone", k.srcZone)
	}
	all.link = exposition.LabelsOf("dst", k.dst, "dst_zone", k.dstZone, "src", k.src, "src_zone", k.srcZone)
	all.opened, all.refused, all.cut, all.limited = outcome("opened"), outcome("refused"), outcome("cut"), outcome("limited")
	for _, dir := range directions {
		all.directions[dir] = exposition.LabelsOf("direction", dir.String(), "dst", k.dst, "dst_zone", k.dstZone, "src", k.src, "src_zone", k.srcZone)
	}
	return all
}

// answered returns the labels of the requests that were answered with code.
func (k linkKey) answered(code string) exposition.Labels {
	return exposition.LabelsOf("code", code, "dst", k.dst, "dst_zone", k.dstZone, "src", k.src, "src_zone", k.srcZone)
}

func (k rateKey) labels() exposition.Labels {
	return exposition.LabelsOf("code", k.code, "dst", k.dst, "src", k.src)
}

// all returns the links and the rates, each in the order of their names.
func (s *stats) all() ([]*link, []*rate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	links := slices.SortedFunc(maps.Values(s.links), func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.key.src, b.key.src), cmp.Compare(a.key.dst, b.key.dst),
			cmp.Compare(a.key.srcZone, b.key.srcZone), cmp.Compare(a.key.dstZone, b.key.dstZone))
	})
	rates := slices.SortedFunc(maps.Values(s.rates), func(a, b *rate) int { return cmp.Compare(a.labels, b.labels) })
	return links, rates
}
