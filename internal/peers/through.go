//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay/tape"
)

// The rates at which requests pass a recording proxy, for throughLength each. A rate is reached when the server sees
// throughShare of it.
const (
	throughLength = 2 * time.Second
	throughShare  = 0.95
)

func throughRates() []int { return []int{2500, 5000, 10_000, 20_000} }

// passage is what came of requests that pass a recording proxy at one rate.
type passage struct {
	rate, due               int
	arrived                 int // at the server
	missed, doubled, broken int // of those: not recorded, more than once, and without their whole answer
	reached                 float64
	cost                    cost
	noise                   noise
}

func (p passage) exact() bool { return p.arrived == p.due && p.missed+p.doubled+p.broken == 0 }
func (p passage) held() bool  { return p.exact() && p.reached >= throughShare*float64(p.rate) }

// recording has requests pass a recording proxy, at higher and higher rates, and looks for each of them on the tape. A rate
// at which not all of them are there is tried once more, and is the last if they are not then either.
func (b *bench) recording(ctx context.Context) (section, error) {
	var all []passage
	for _, rate := range throughRates() {
		var p passage
		for try := 0; try == 0 || try == 1 && !p.exact(); try++ {
			b.progress("%s", perSecond(float64(rate)))
			var err error
			heard := watchNoise()
			if p, err = b.record(ctx, rate); err != nil {
				return section{}, err
			}
			p.noise = heard()
		}
		if all = append(all, p); !p.exact() || p.reached < float64(rate)/2 { // a higher one would only take longer
			break
		}
	}
	return passages(all), nil
}

// record plays requests to a server by way of a recording proxy.
func (b *bench) record(ctx context.Context, rate int) (p passage, err error) {
	server, collect, err := b.sink(ctx, "-large")
	if err != nil {
		return p, err
	}
	w := even(rate*int(throughLength.Seconds()), rate, 200)
	u, out, err := b.passing(ctx, w, server)
	_, arrived, readErr := collect()
	if err = errors.Join(err, readErr); err != nil {
		return p, err
	}
	p = passage{rate: rate, due: len(w.due), arrived: len(arrived), cost: u.each(len(arrived)), reached: rateOf(arrived)}
	return p, errors.Join(p.compare(arrived, out), os.Remove(out))
}

// passing plays w through the proxy, and returns what the proxy cost and where its tape is.
func (b *bench) passing(ctx context.Context, w work, server string) (u usage, out string, err error) {
	door, err := free()
	if err != nil {
		return u, "", err
	}
	out = b.path(fmt.Sprintf("through-%d.gdtape", time.Now().UnixNano()))
	proxy, err := b.start(ctx, clientCore, b.gameday, "capture", "--to", "http://"+server, "--listen", door, "--replays", "--out", out)
	if err != nil {
		return u, out, err
	}
	if err = answers(ctx, door); err == nil {
		var play []string
		if play, err = b.player("gameday", w, door); err == nil {
			play = append(play, "--timeout", "1m") // what waits for the proxy is not to give up
			b.note(play)
			err = offered(pinned(ctx, serverCore, play...).Run())
		}
	}
	return proxy.stop(), out, err
}

// compare looks on a tape for what arrived.
func (p *passage) compare(arrived []arrival, path string) error {
	seen, recorded := map[int64]int{}, map[int64]int{}
	for _, a := range arrived {
		seen[a.Number]++
	}
	r, err := tape.Open(path, tape.ReadOptions{})
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n := number([]byte(x.Target))
		recorded[n]++
		if a := x.Response; a == nil || a.Cut || string(a.Body) != string(bodyOf(n)) {
			p.broken++
		}
	}
	for number, n := range seen {
		p.missed += max(n-recorded[number], 0)
	}
	for number, n := range recorded { // one that never came to the server is a broken one
		p.doubled += max(n-max(seen[number], 1), 0)
	}
	return nil
}

// rateOf is how many requests a second arrived.
func rateOf(arrived []arrival) float64 {
	if len(arrived) < 2 {
		return 0
	}
	first, last := arrived[0].Received, arrived[0].Received
	for _, a := range arrived {
		first, last = min(first, a.Received), max(last, a.Received)
	}
	return float64(len(arrived)-1) / time.Duration(max(last-first, 1)).Seconds()
}

func passages(all []passage) section {
	s := section{
		title: "Recording as a proxy",
		text: fmt.Sprintf("Requests at a constant rate for %s through `gameday capture`, which has a core to itself; client and server share the other. Of %d answers one has %d bytes of noise. "+
			"What the server saw is looked for on the tape: each request once, each answer whole. A rate is held when all of that is so and the server sees %.0f %% of it; one at "+
			"which not all is so is tried once more. CPU is with the start of the program.", throughLength, largeEvery, largeBytes, 100*throughShare),
		head: []string{"rate", "the server saw", "requests", "recorded exactly once", "missed", "doubled", "answers not whole", "CPU per request", "other load, cores"},
	}
	held, last := 0, passage{}
	for _, p := range all {
		if last = p; p.held() {
			held = p.rate
		}
		s.row(perSecond(float64(p.rate)), perSecond(p.reached), fmt.Sprintf("%d of %d", p.arrived, p.due), fmt.Sprintf("%.2f %%", 100*float64(p.arrived-p.missed-p.doubled)/float64(max(p.arrived, 1))),
			p.missed, p.doubled, p.broken, fmt.Sprintf("%.1f µs", p.cost.all()), contest[passage]{{"gameday", 0, p.noise, p}}.beside("gameday"))
	}
	s.find("capture/proxy", float64(held), fmt.Sprintf("at %s the server saw %s, %d are missed, %d doubled and %d not whole; the proxy takes %.1f µs for each",
		perSecond(float64(last.rate)), perSecond(last.reached), last.missed, last.doubled, last.broken, last.cost.all()))
	return s
}
