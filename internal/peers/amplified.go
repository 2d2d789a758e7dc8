//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/tape"
)

// shopTape is the recording that measurements of tapes begin with, from the top of the repository.
const shopTape = "fixtures/tapes/shop.gdtape"

// jitter bounds how much later a copy of a session is than the session, so that copies do not march in step.
const jitter = time.Second

// amplify writes a tape of n requests: copies of what was recorded, each copy of a session under a name of its own and a
// little later. Only GETs are taken, so that it can be played without asking. It returns how long the tape is.
func amplify(path string, n int) (length time.Duration, err error) {
	base, err := readTape(shopTape, math.MaxInt, func(x *replay.Exchange) bool { return x.Method == http.MethodGet })
	if err != nil {
		return 0, err
	}
	out, err := tape.Create(path, tape.Meta{Start: time.Now(), Source: "peers"}, tape.Options{Sync: -1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	dice := rand.New(rand.NewPCG(424242, uint64(n)))
	copies := (n + len(base) - 1) / len(base)
	late := make([]map[string]time.Duration, copies)
	for i := range late {
		late[i] = map[string]time.Duration{}
	}
	written := 0
	for _, x := range base {
		for k := range min(copies, n-written) {
			after, known := late[k][x.Session]
			if !known {
				after = time.Duration(dice.Int64N(int64(jitter)))
				late[k][x.Session] = after
			}
			clone := *x
			clone.Session, clone.At = fmt.Sprintf("%s-%d", x.Session, k), x.At+after
			clone.Conn, clone.Seq = x.Conn*uint64(copies)+uint64(k), uint64(written)
			if err := out.Record(&clone); err != nil {
				return 0, err
			}
			length = max(length, clone.At)
			written++
		}
	}
	return length, nil
}

// readTape returns the exchanges of a tape that are wanted, the first so many.
func readTape(path string, most int, wanted func(*replay.Exchange) bool) (all []*replay.Exchange, err error) {
	in, err := tape.Open(path, tape.ReadOptions{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for len(all) < most {
		x, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if wanted(x) {
			all = append(all, x)
		} else {
			in.Recycle(x)
		}
	}
	return all, nil
}

// recorded writes exchanges as a tape with so many in a frame.
func recorded(path string, all []*replay.Exchange, perFrame int) (err error) {
	out, err := tape.Create(path, tape.Meta{Start: time.Now(), Source: "peers"}, tape.Options{Flush: -1, Sync: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for i, x := range all {
		if err := out.Record(x); err != nil {
			return err
		}
		if (i+1)%perFrame == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// gorOf writes exchanges as GoReplay's file.
func gorOf(to io.Writer, all []*replay.Exchange) error {
	out := capture.NewGorWriter(to, time.Now())
	for _, x := range all {
		if err := out.Record(x); err != nil {
			return err
		}
	}
	return out.Close()
}

// create makes a file and has write fill it.
func create(path string, write func(io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}
