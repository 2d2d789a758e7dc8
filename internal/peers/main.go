//go:build linux

// Command peers measures gameday beside the programs of its field and writes docs/performance.md.
//
// Machines differ and are shared, so nothing here is absolute: every figure comes from one run on one machine, each
// program is run several times in turn with the others, and what counts are the medians of the ratios of each turn. The client has one
// core to itself and the server another. See internal/tools/peers/install.sh for how the peers are had; one that is
// missing is left out, and the page says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := carryOut(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func carryOut(ctx context.Context, args []string) error {
	if len(args) > 0 { // what takes part in a measurement is a process of its own
		switch args[0] {
		case "sink":
			return serveSink(ctx, args[1:])
		case "link":
			return serveLink(ctx, args[1:])
		case "raw":
			return sendRaw(args[1:])
		case "decode":
			return decode(args[1:])
		}
	}
	b := bench{log: os.Stderr}
	var path, only string
	var limit time.Duration
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.StringVar(&b.bin, "bin", "bin/peers", "directory of the peers")
	flags.StringVar(&b.gameday, "gameday", "bin/gameday", "the program to measure")
	flags.IntVar(&b.rounds, "rounds", 3, "runs of each program")
	flags.IntVar(&b.seconds, "seconds", 5, "length of a run")
	flags.IntVar(&b.requests, "requests", 1_000_000, "requests on the tape of the measurement of memory")
	flags.IntVar(&b.results, "results", 5_000_000, "results that reports are made of")
	flags.StringVar(&only, "only", "", "measurements to make, with commas between: "+strings.Join(namesOf(b.measurements()), ", ")+"; all of these when empty")
	flags.BoolVar(&b.long, "long", false, fmt.Sprintf("make those too that take long, up to %s more: %s", longTime, strings.Join(namesOf(b.longMeasurements()), ", ")))
	flags.DurationVar(&limit, "limit", 7*time.Minute+45*time.Second, "what has not ended after this time is left out")
	flags.StringVar(&path, "write", "", "page to write; standard output when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return errors.New("one core: the client and the server need one each")
	}
	var err error
	if b.gameday, err = filepath.Abs(b.gameday); err != nil {
		return err
	}
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "peers"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	p, err := b.measure(ctx, split(only), limit)
	if len(p.sections) == 0 {
		return err
	}
	if path == "" {
		_, writeErr := fmt.Print(p)
		return errors.Join(err, writeErr)
	}
	return errors.Join(err, os.WriteFile(path, []byte(p.String()), 0o644))
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
