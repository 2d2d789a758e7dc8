//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay"
)

// The replay whose memory is measured: memoryRate is what the tape is sped up to, and gorReads how long gor may read
// the same recording, for it does not come to its end in any time that can be waited for.
const (
	memoryRate = 30_000
	gorReads   = 6 * time.Second
)

// held is what a program had in memory at most.
type held struct {
	name   string
	peak   int64 // bytes
	half   int64 // at most until half of the time
	served int   // requests
	wall   time.Duration
	noise  noise
}

// memory measures what replaying a large tape takes.
func (b *bench) memory(ctx context.Context) (section, error) {
	server, err := b.nginx(ctx)
	if err != nil {
		return section{}, err
	}
	defer server.stop()
	b.progress("write a tape of %s requests", grouped(int64(b.requests)))
	path := b.path("large.gdtape")
	defer os.Remove(path)
	length, err := amplify(path, b.requests)
	if err != nil {
		return section{}, err
	}
	speed := max(1, length.Seconds()*memoryRate/float64(b.requests))
	contenders := []program{{name: "gameday", args: []string{b.gameday, "replay", path, "--to", "http://" + server.addr, "--speed", fmt.Sprint(speed), "--timeout", "1h", "--max-lateness", "1h"}}}
	if gor := b.find("gor"); gor != "" {
		file := b.path("large.gor")
		defer os.Remove(file)
		if err := gorShare(file, path); err != nil {
			return section{}, err
		}
		contenders = append(contenders, program{name: "gor", args: []string{
			gor, "--input-file", fmt.Sprintf("%s|%d%%", file, int(100*speed)),
			"--output-http", "http://" + server.addr, "--exit-after", gorReads.String(),
		}})
	}
	var all []held
	for _, p := range contenders {
		b.progress("replay by %s", p.name)
		before, err := server.served()
		if err != nil {
			return section{}, err
		}
		heard := watchNoise()
		u, err := b.client(ctx, nil, p.args...)
		if err != nil {
			return section{}, err
		}
		after, err := server.served()
		if err != nil {
			return section{}, err
		}
		all = append(all, held{p.name, u.rss, u.half, max(0, after-before-1), u.wall, heard()})
	}
	return remembered(b.requests, all), nil
}

// gorShare writes as much of a tape for gor as it can read in its time, and more.
func gorShare(path, from string) error {
	all, err := readTape(from, gorShareMost, func(*replay.Exchange) bool { return true })
	if err != nil {
		return err
	}
	for _, x := range all {
		x.Response = nil
	}
	return create(path, func(w io.Writer) error { return gorOf(w, all) })
}

const gorShareMost = 300_000

func remembered(requests int, all []held) section {
	s := section{
		title: fmt.Sprintf("Memory for a tape of %s requests", grouped(int64(requests))),
		text: fmt.Sprintf("The tape has copies of the sessions of `%s`, each with an identity of its own and up to %s later, played at %s to nginx. gor is given the same recording for %s, "+
			"and comes as far as the table says.", shopTape, jitter, perSecond(memoryRate), gorReads),
		head: []string{"program", "peak memory", "peak of the first half", "requests", "took", "other load, cores"},
	}
	for _, h := range all {
		s.row(h.name, megabytes(inMegabytes(h.peak)), megabytes(inMegabytes(h.half)), grouped(int64(h.served)), h.wall, contest[held]{{h.name, 0, h.noise, h}}.beside(h.name))
		if h.name == "gameday" && h.served >= 1_000_000 {
			s.find("memory", inMegabytes(h.peak), fmt.Sprintf("the peak of the first half is %s; it took %s for a schedule of %s",
				megabytes(inMegabytes(h.half)), short(h.wall), time.Duration(requests)*time.Second/memoryRate))
		}
	}
	return s
}
