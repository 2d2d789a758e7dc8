//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/tape"
)

// work is a schedule of small requests that each program is given in its own format.
type work struct {
	due      []time.Duration
	sessions int
	rate     int     // what a program with nothing but a rate is told
	workers  int     // and how many connections it may have; its default when 0
	speed    float64 // at which gameday plays its tape, which is as much longer; 1 when 0
}

// poisson returns arrivals at a rate, as independent users make them.
func poisson(rate int, length time.Duration, sessions int) work {
	dice := rand.New(rand.NewPCG(424242, uint64(rate)))
	w := work{sessions: sessions, rate: rate}
	for at := time.Duration(0); ; {
		at += time.Duration(dice.ExpFloat64() / float64(rate) * float64(time.Second))
		if at >= length {
			return w
		}
		w.due = append(w.due, at)
	}
}

// even returns n arrivals at a constant rate.
func even(n, rate, sessions int) work {
	w := work{sessions: sessions, rate: rate}
	for i := range n {
		w.due = append(w.due, time.Duration(i)*time.Second/time.Duration(rate))
	}
	return w
}

// recorded is when request number i is on the tape.
func (w work) recorded(i int) time.Duration {
	if w.speed == 0 {
		return w.due[i]
	}
	return time.Duration(float64(w.due[i]) * w.speed)
}

func target(i int) string { return fmt.Sprintf("/r/%07d", i) }

// exchange returns request number i as a capture would have seen it.
func (w work) exchange(i int, host string) *replay.Exchange {
	s := i % w.sessions
	return &replay.Exchange{
		Session: fmt.Sprintf("s%05d", s), Conn: uint64(s + 1), Seq: uint64(i), At: w.recorded(i),
		Method: "GET", Target: target(i), Host: host, Proto: "HTTP/1.1",
		Header:   replay.Header{{Name: "User-Agent", Value: "peers"}, {Name: "Accept", Value: "*/*"}},
		Response: &replay.Response{Status: 200, Duration: time.Millisecond},
	}
}

// tape writes the schedule as a tape.
func (w work) tape(path, host string) (err error) {
	out, err := tape.Create(path, tape.Meta{Start: time.Now(), Source: "peers"}, tape.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for i := range w.due {
		if err := out.Record(w.exchange(i, host)); err != nil {
			return err
		}
	}
	return nil
}

// gor writes the schedule as GoReplay's file.
func (w work) gor(path, host string) error {
	var all []*replay.Exchange
	for i := range w.due {
		x := w.exchange(i, host)
		x.Response = nil
		all = append(all, x)
	}
	return create(path, func(to io.Writer) error { return gorOf(to, all) })
}

// offsets writes the due times alone.
func (w work) offsets(path string) error {
	var all []byte
	for _, at := range w.due {
		all = binary.LittleEndian.AppendUint64(all, uint64(at))
	}
	return os.WriteFile(path, all, 0o644)
}

// targets writes the schedule's requests as vegeta's JSON targets; the times are vegeta's own.
func (w work) targets(path, base string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	for i := range w.due {
		if err := enc.Encode(map[string]string{"method": "GET", "url": base + target(i)}); err != nil {
			return err
		}
	}
	return out.Flush()
}
