//go:build linux

package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// settling is how long a program has after its start until what it does counts as its steady work.
const settling = time.Second

// kept is how a program kept a schedule.
type kept struct {
	cost
	p50, p99, steady99       time.Duration // of lateness; the last of what was due after the settling
	spared99                 time.Duration // of what arrived while nothing was stolen
	spared                   float64       // share of that
	due, lost, doubled, swap int
	rss                      int64
}

// schedule is the measurement of who keeps one: when requests arrive at the server against when they were due, and what the
// client spends on it.
type schedule struct {
	contest[kept]
	rate   int
	starts map[string]usage
	burned bool // beside processes that burn both cores
}

func (b *bench) openLoop(ctx context.Context, rate int) (section, error) {
	m := schedule{rate: rate, starts: map[string]usage{}}
	names := []string{"raw", "gameday", "vegeta"}
	if rate <= gorRate {
		names = append([]string{"gor"}, names...)
	}
	for _, name := range names {
		b.progress("start of %s", name)
		p, _, err := b.play(ctx, name, even(1, 1, 1))
		if err != nil {
			return section{}, err
		}
		m.starts[name] = p.client
	}
	err := m.take(ctx, b, names)
	return m.section(), err
}

// burned keeps both cores busy with something else meanwhile, as a compiler next door would.
func (b *bench) burned(ctx context.Context) (section, error) {
	for range 2 {
		burner, err := begin(exec.CommandContext(ctx, "sh", "-c", "while :; do :; done"))
		if err != nil {
			return section{}, err
		}
		defer burner.stop()
	}
	m := schedule{rate: 10_000, burned: true}
	err := m.take(ctx, b, []string{"raw", "gameday"})
	return m.section(), err
}

// take has the programs keep the schedule in turn.
func (m *schedule) take(ctx context.Context, b *bench, names []string) (err error) {
	m.contest, err = compete(ctx, b, names, func(name string, round int) (k kept, there bool, err error) {
		if name == "gor" && round > 0 {
			return k, false, nil
		}
		w := poisson(m.rate, b.duration(), 200)
		if name == "vegeta" {
			w = even(m.rate*b.seconds, m.rate, 1)
		}
		p, there, err := b.play(ctx, name, w)
		if !there || err != nil {
			return k, false, err
		}
		return keptOf(w, p.client.without(m.starts[name]), p), true, nil
	})
	return err
}

// gorRate is the highest rate that gor is asked for, and that once: it is given twice the length of the recording,
// and does not keep its times at any rate.
const gorRate = 5000

func keptOf(w work, u usage, p played) kept {
	arrived := p.arrived
	late := lateness(w.due, arrived)
	spared, share := p.stolen.spared(w, arrived, late, 0)
	k := kept{cost: u.each(len(arrived)), p50: quantile(late, .5), p99: quantile(late, .99), due: len(w.due), rss: u.rss}
	k.steady99 = quantile(between(w.due, late, settling, 1<<62), .99)
	k.spared99, k.spared = quantile(spared, .99), share
	k.doubled, k.swap = disorder(w, arrived)
	k.lost = max(0, len(w.due)-len(arrived)+k.doubled)
	return k
}

func (m schedule) section() section {
	if m.burned {
		s := section{
			title: fmt.Sprintf("Keeping a schedule beside two processes that do nothing but burn CPU, %s", perSecond(float64(m.rate))),
			text:  "They may run on either core, as a compiler would, and are not counted as other load. Raw shows what the machine lets anyone do then.",
		}
		m.table(&s)
		if loaded := m.spread("gameday", kept.late99); loaded.runs > 0 {
			s.find("late/beside", loaded.median, "p99 of the raw client beside them: "+m.late("raw", kept.late99))
		}
		return s
	}
	s := section{
		title: fmt.Sprintf("Keeping a schedule, %s", perSecond(float64(m.rate))),
		text: "gameday and gor play a recording with Poisson arrivals; vegeta, which has no recording to play, keeps a constant rate. Raw is a thread that waits for absolute times and " +
			"sends bytes made before on 200 connections, by epoll, and does not look into the answers: the floor. Lateness is that of the k-th arrival at the server's socket, by the kernel's " +
			"clock, against the k-th due time; steady means from the second second on. Not stolen is the share of requests that arrived while the hypervisor took no time from this " +
			"machine, and p99 there that of those. gor is given twice the length of the recording, once.",
	}
	m.table(&s)
	if len(m.of("gameday")) == 0 {
		return s
	}
	for _, peer := range []string{"raw", "vegeta", "gor"} {
		why := whereTo(m.contest, peer)
		if peer != "raw" {
			why += "; for the raw client, which is the floor of an exact schedule, the ratio is " + m.ratio("raw", peer, kept.all).String()
		}
		s.findRatio("open/"+peer, m.ratio("gameday", peer, kept.all), why)
	}
	s.find("late/p50", m.spread("gameday", kept.late50).median, m.whyLate(""))
	s.find("late/p99", m.spread("gameday", kept.late99).median, m.whyLate("late/p99"))
	return s
}

func (m schedule) table(s *section) {
	s.head = []string{"program", "CPU per request", "of it in user space", "late p50", "late p99", "steady p99", "not stolen", "p99 there", "lost", "doubled", "out of order", "memory", "start of the program", "other load, cores"}
	for _, name := range m.names() {
		var total kept
		for _, k := range m.of(name) {
			total.due, total.lost, total.doubled, total.swap = total.due+k.due, total.lost+k.lost, total.doubled+k.doubled, total.swap+k.swap
			total.rss = max(total.rss, k.rss)
		}
		swaps, steady := fmt.Sprint(total.swap), m.late(name, kept.lateSteady)
		if name == "vegeta" { // it has no sessions
			swaps = "-"
		}
		if time.Duration(total.due/len(m.of(name))/m.rate)*time.Second <= settling {
			steady = "-"
		}
		s.row(name, m.micros(name, kept.all), m.micros(name, kept.own), m.late(name, kept.late50), m.late(name, kept.late99), steady,
			percent(100*m.spread(name, kept.share).median), m.late(name, kept.lateSpared99),
			fmt.Sprintf("%d of %d", total.lost, total.due), total.doubled, swaps, megabytes(inMegabytes(total.rss)), m.starts[name].cpu(), m.beside(name))
		if name == "gameday" && !m.burned {
			s.find("late/lost", float64(total.lost+total.doubled+total.swap), "")
		}
	}
}

func (k kept) share() float64        { return k.spared }
func (k kept) lateSpared99() float64 { return inMicros(k.spared99) }
func (k kept) late50() float64       { return inMicros(k.p50) }
func (k kept) late99() float64       { return inMicros(k.p99) }
func (k kept) lateSteady() float64   { return inMicros(k.steady99) }

// late is the median of a lateness.
func (m schedule) late(name string, figure func(kept) float64) string {
	return microseconds(m.spread(name, figure).median)
}

// whyLate says what the run shows of the causes of lateness: the start of the program, and others on the machine.
func (m schedule) whyLate(goal string) string {
	steady := m.spread("gameday", kept.lateSteady).median
	var causes []string
	if limit := limitOf(goal); steady > 0 && steady <= limit {
		causes = append(causes, "it lies in the first second: from then on it is "+microseconds(steady))
	}
	if loaded, runs := m.loaded("gameday"); loaded > 0 {
		causes = append(causes, fmt.Sprintf("the machine did other work during %d of %d runs", loaded, runs))
	}
	if goal != "" {
		causes = append(causes, fmt.Sprintf("while the hypervisor took nothing it is %s, that of the raw client %s", m.late("gameday", kept.lateSpared99), m.late("raw", kept.lateSpared99)))
	} else {
		causes = append(causes, "that of the raw client is "+m.late("raw", kept.late50))
	}
	return strings.Join(causes, "; ")
}

// limitOf returns the limit of a goal; 0 when there is no such goal.
func limitOf(id string) float64 {
	for _, g := range goals() {
		if g.id == id {
			return g.limit
		}
	}
	return 0
}
