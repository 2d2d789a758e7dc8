//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gameday-dev/gameday/replay/tape"
)

// gorAnswers is gor that records what gameday does: answers, too.
const gorAnswers = "gor, answers too"

// captureRate is how many requests per second a listener hears.
const captureRate = 5000

// heard is what a listener spent, and what it has in the end.
type heard struct {
	cost
	requests, of int // requests is -1 of one that does not know of them
	bytes        int64
}

// watching is the measurement of what it costs to watch traffic.
type watching struct {
	contest[heard]
	starts map[string]usage
}

// capturing measures what listening to traffic costs the listener per request, and how much of it was recorded.
func (b *bench) capturing(ctx context.Context) (section, error) {
	if os.Getuid() != 0 {
		return section{}, errors.New("not root: nobody else may listen on an interface")
	}
	m := watching{starts: map[string]usage{}}
	names := []string{"tcpdump", "gameday", "gor", gorAnswers}
	for _, name := range names {
		b.progress("start of %s", name)
		u, _, err := b.listen(ctx, name, even(50, 1000, 1))
		if err != nil {
			return section{}, err
		}
		m.starts[name] = u
	}
	var err error
	m.contest, err = compete(ctx, b, names, func(name string, _ int) (heard, bool, error) {
		u, h, err := b.listen(ctx, name, even(captureRate*b.seconds, captureRate, 200))
		if h.of == 0 {
			return h, false, err
		}
		h.cost = u.without(m.starts[name]).each(h.of)
		return h, true, err
	})
	return m.section(), err
}

func (m watching) section() section {
	s := section{
		title: fmt.Sprintf("Listening on an interface, %d requests per second", captureRate),
		text: "What the listener spends per request, and what it has in the end. tcpdump writes packets and knows nothing of requests: it is the floor. gor records requests as they " +
			"are, and with --input-raw-track-response answers too, which it is not asked for in the target; gameday records answers, takes secrets out and compresses as it writes. Ratios are to gor.",
		head: []string{"program", "CPU per request", "of it in user space", "recorded", "bytes per request", "ratio", "start of the program", "other load, cores"},
	}
	for _, name := range m.names() {
		have, requests, of := "-", 0, 0
		var bytes int64
		for _, h := range m.of(name) {
			requests, of, bytes = requests+h.requests, of+h.of, bytes+h.bytes
		}
		if requests >= 0 {
			have = fmt.Sprintf("%d of %d", requests, of)
		}
		s.row(name, m.micros(name, heard.all), m.micros(name, heard.own), have, bytes/int64(of), m.ratio(name, "gor", heard.all), m.starts[name].cpu(), m.beside(name))
		if name == "gameday" {
			s.find("capture/whole", float64(max(requests-of, of-requests)), "")
		}
	}
	s.findRatio("capture/cost", m.ratio("gameday", "gor", heard.all), whereTo(m.contest, "gor"))
	s.findRatio("capture/tcpdump", m.ratio("gameday", "tcpdump", heard.all), whereTo(m.contest, "tcpdump"))
	return s
}

// listen has a program listen to w being played.
func (b *bench) listen(ctx context.Context, name string, w work) (u usage, h heard, err error) {
	program := b.gameday
	if name != "gameday" {
		binary, _, _ := strings.Cut(name, ",")
		if program = b.find(binary); program == "" {
			return u, h, nil
		}
	}
	addr, collect, err := b.sink(ctx)
	if err != nil {
		return u, h, err
	}
	u, out, err := b.overhear(ctx, name, program, w, addr)
	_, arrived, readErr := collect()
	if err = errors.Join(err, readErr); err != nil {
		return u, h, err
	}
	h.of = len(arrived)
	info, err := os.Stat(out)
	if err != nil {
		return u, h, fmt.Errorf("%s recorded nothing: %w", name, err)
	}
	h.bytes = info.Size()
	h.requests, err = count(name, out)
	return u, h, err
}

// overhear plays w to addr while the program listens, and returns what that cost and where the recording is.
func (b *bench) overhear(ctx context.Context, name, program string, w work, addr string) (u usage, out string, err error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return u, "", err
	}
	out = b.path("heard-" + name)
	var args []string
	switch name {
	case "gameday":
		out += ".gdtape"
		args = []string{program, "capture", "--interface", "lo", "--port", port, "--replays", "--out", out}
	case "gor", gorAnswers:
		args = []string{program, "--input-raw", addr, "--output-file", out, "--output-file-append", "--output-file-queue-limit", "0"}
		if name == gorAnswers {
			args = append(args, "--input-raw-track-response")
		}
	case "tcpdump":
		args = []string{program, "-i", "lo", "-U", "-w", out, "tcp", "port", port}
	}
	if err := os.RemoveAll(out); err != nil {
		return u, out, err
	}
	listener, err := b.start(ctx, clientCore, args...)
	if err != nil {
		return u, out, err
	}
	err = watches(ctx, listener.cmd.Process.Pid)
	if err == nil {
		var play []string
		if play, err = b.player("gameday", w, addr); err == nil {
			err = pinned(ctx, serverCore, play...).Run()
		}
	}
	if err == nil {
		err = written(ctx, name, out, len(w.due))
	}
	return listener.stop(), out, err
}

// writesAfter is longer than any of them keeps back what it has: gor writes every second.
const writesAfter = 1200 * time.Millisecond

// written waits until a recording has n requests, or has not grown for a while.
func written(ctx context.Context, name, path string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var size int64
	grown := time.Now()
	return until(ctx, name+" writes no more", func() bool {
		if info, err := os.Stat(path); err == nil && info.Size() != size {
			size, grown = info.Size(), time.Now()
			if have, err := count(name, path); err == nil && have >= n {
				return true
			}
		}
		return size > 0 && time.Since(grown) > writesAfter
	})
}

// gorEnd is what a record of gor ends with; those of requests begin with a 1.
const gorEnd = "\n🐵🙈🙉\n"

// count returns how many requests a recording has; -1 when it does not know of requests.
func count(name, path string) (int, error) {
	switch name {
	case "gameday":
		info, err := tape.ReadInfo(path)
		return int(info.Records) - info.GapCount, err
	case "gor", gorAnswers:
		text, err := os.ReadFile(path)
		return bytes.Count(append([]byte(gorEnd), text...), []byte(gorEnd+"1 ")), err
	}
	return -1, nil
}
