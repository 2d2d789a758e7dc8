//go:build linux

// Command peers measures gameday beside the programs of its field and writes docs/performance.md.
//
// Machines differ and are shared, so nothing here is absolute: every figure comes from one run on one machine, each
// program is run several times in turn with the others, and what counts are the ratios of medians. The client has one
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
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 { // the servers of a measurement are processes of their own
		switch args[0] {
		case "sink":
			return serveSink(ctx, args[1:])
		case "link":
			return serveLink(ctx, args[1:])
		}
	}
	b := bench{}
	var page string
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.StringVar(&b.bin, "bin", "bin/peers", "directory of the peers")
	flags.StringVar(&b.gameday, "gameday", "bin/gameday", "the program to measure")
	flags.IntVar(&b.rounds, "rounds", 3, "runs of each program")
	flags.IntVar(&b.seconds, "seconds", 5, "length of a run")
	flags.StringVar(&page, "write", "", "page to write; standard output when empty")
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
	text, err := b.measure(ctx)
	if err != nil {
		return err
	}
	if page == "" {
		_, err = fmt.Print(text)
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}
