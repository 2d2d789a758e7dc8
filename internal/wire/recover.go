package wire

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/harness/store"
	"github.com/gameday-dev/gameday/monkeys"
)

// Healed is a fault that recovery ended, and how it is known to be gone.
type Healed struct {
	gameday.Fault
	How string
}

// Recover heals every fault that a run's journal holds open, and returns those it healed. The error says what may
// still be there.
func Recover(ctx context.Context, root, ref string) ([]Healed, error) {
	runs, err := existing(root)
	if err != nil {
		return nil, Refused{err}
	}
	id, err := runs.Resolve(ref)
	if err != nil {
		return nil, Refused{err}
	}
	run, events, err := reopen(ctx, runs, id)
	if err != nil {
		return nil, err
	}
	r := harness.Recovery{Meta: run.Meta(), Events: events, Journal: run, Catalog: monkeys.Catalog()}
	endpoint := run.Meta().Endpoint
	switch e, err := local.ReadEndpoint(endpoint); {
	case endpoint == "" || errors.Is(err, os.ErrNotExist):
		r.Gone = func() bool { return !alive(run.Meta().PID) } // the topology lived in the harness, or never was
	case err != nil:
		return nil, errors.Join(err, run.Close())
	default:
		client := local.NewClient(e)
		defer client.Close()
		r.Platform = client
		r.Gone = func() bool { _, err := client.Ping(ctx); return err != nil && !alive(e.PID) }
	}
	how := map[string]string{}
	r.Observe = func(e gameday.Event) { how[e.FaultID] = e.Text }
	done, err := harness.Recover(ctx, r)
	var healed []Healed
	for _, f := range done.Healed {
		healed = append(healed, Healed{f, how[f.ID]})
	}
	return healed, errors.Join(err, run.Close())
}

// dyingLimit is how long a store may stay in use by a process that was just killed: the kernel lets go of its lock
// only when the process has ended.
const dyingLimit = 2 * time.Second

// reopen opens a run for appending once its store is free.
func reopen(ctx context.Context, runs *store.Store, id string) (*store.Run, []gameday.Event, error) {
	limited, cancel := context.WithTimeout(ctx, dyingLimit)
	defer cancel()
	for {
		run, events, err := runs.Reopen(id)
		if !errors.Is(err, store.ErrBusy) {
			return run, events, err
		}
		select {
		case <-limited.Done():
			return nil, nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// alive reports whether a process exists.
func alive(pid int) bool {
	if pid <= 0 {
		return false
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return !errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// OpenRuns lists the runs of a store that left faults open, oldest first.
func OpenRuns(root string) ([]string, error) {
	runs, err := existing(root)
	if err != nil {
		return nil, Refused{err}
	}
	entries, err := runs.List()
	if err != nil {
		return nil, err
	}
	var open []string
	var unread []error
	for _, e := range entries {
		if e.Err != nil { // what it left open is not known
			unread = append(unread, e.Err)
		}
		if len(e.Open) > 0 {
			open = append(open, e.Run)
		}
	}
	return open, errors.Join(unread...)
}

// Doctor lists what faults left behind on a store and on the topology that is attached to it.
func Doctor(ctx context.Context, root string) ([]harness.Leftover, error) {
	runs, err := existing(root)
	if err != nil {
		return nil, Refused{err} // of another store nothing is known
	}
	entries, err := runs.List()
	if err != nil {
		return nil, err
	}
	working, _ := runs.Busy()
	var charts []harness.Chart
	var errs []error
	for _, e := range entries {
		if e.Err != nil {
			errs = append(errs, e.Err)
			continue
		}
		if len(e.Open) == 0 {
			continue
		}
		record, err := runs.Load(e.Run)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		charts = append(charts, harness.Chart{Run: e.Run, Events: record.Events, Live: e.Run == working})
	}
	topology, err := Attach(ctx, root)
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	var platform gameday.Platform
	if topology != nil {
		defer topology.Close()
		platform = topology.Client
	}
	left, err := harness.Doctor(ctx, platform, charts)
	return left, errors.Join(append(errs, err)...)
}
