package harness

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

// Leases last gameday.LeaseTime; three renewals fit into one, so that two may be lost.
const (
	renewPause = 4 * time.Second
	renewLimit = 3 * time.Second
)

// openFaults counts and lists the faults that may be there.
type openFaults struct {
	mu    sync.Mutex
	count int
	ids   []string
}

func (o *openFaults) next() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count++
	return o.count
}

func (o *openFaults) add(fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = append(o.ids, fault)
}

func (o *openFaults) remove(fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ids = slices.DeleteFunc(o.ids, func(id string) bool { return id == fault })
}

func (o *openFaults) list() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ids)
}

// keepLeases renews the leases of open faults until the run is over. A lease that cannot be renewed runs out by
// itself, which is safe; that it may have done so is recorded once.
func (e *engine) keepLeases(over context.Context) {
	failing := false
	for sleep(over, renewPause) {
		faults := e.open.list()
		if len(faults) == 0 {
			continue
		}
		err := renew(over, e.Platform, faults)
		if err != nil && !failing && over.Err() == nil {
			e.record.tell(gameday.Event{Kind: gameday.EventNote, Text: "renew leases: " + err.Error()})
		}
		failing = err != nil
	}
}

func renew(ctx context.Context, p gameday.Platform, faults []string) error {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	var errs []error
	for _, h := range gameday.Abilities[gameday.Holder](p) {
		errs = append(errs, h.Renew(ctx, faults))
	}
	return errors.Join(errs...)
}
