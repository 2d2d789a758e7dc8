// Package diff compares the answers of a replay: with what was recorded, or with those of another system, field by
// field.
//
//	player -> Comparer.Candidate ┐
//	player -> Comparer.Primary   ┼-> by request -> differences -> routes -> gameday.Diff
//	player -> Comparer.Secondary ┘
//
// Values that each system makes up, such as ids and tokens, are known from the players and do not count. What else
// differs by itself is noise: learnt from a secondary, a second instance of the primary, as Diffy does; without one,
// by the looks of the values. See the example.
package diff

import (
	"sync"
	"sync/atomic"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// The bounds of Options.
const (
	DefaultExamples = 3
	queueMax        = 4096      // answers that wait to be compared
	bytesMax        = 128 << 20 // of bodies that wait, there or for the other answers
)

// Options shape a comparison. The zero value works.
type Options struct {
	Ignore   []string // fields that may differ: see Rule
	Fallback []string // fields by which an answer says that it is a fallback; X-Degraded says so always
	Examples int      // kept of each field; 0 means DefaultExamples

	// Redact removes secrets from what is shown as an example. It is given exchanges that nobody else uses.
	Redact func(*replay.Exchange)
}

// A Comparer compares answers as they come, on a goroutine of its own, and never makes who brings them wait: what it
// cannot keep up with is counted as not compared.
type Comparer struct {
	roles int // how many answers there are to one request: 1 is compared with its recording
	in    chan arrival
	held  atomic.Int64 // bytes of bodies
	slow  atomic.Int64 // answers for which there was no room
	done  sync.WaitGroup
	waits map[[2]uint64]*meeting
	order [][2]uint64 // of waits, oldest first
	fold  *fold
}

type role uint8

const (
	candidate role = iota
	primary
	secondary
)

type arrival struct {
	role role
	a    *replay.Answered
}

// A meeting is where the answers to one request wait for each other.
type meeting struct {
	answers [3]*replay.Answered
	count   int
}

// WithRecording compares the answers given to Candidate with what was recorded. The caller closes it.
func WithRecording(o Options) (*Comparer, error) { return start(1, o) }

// WithPrimary compares the answers given to Candidate with those of Primary; where withSecondary is set, those of
// Secondary show what is noise. The players have the same tape, plan and seed. The caller closes it.
func WithPrimary(withSecondary bool, o Options) (*Comparer, error) {
	if withSecondary {
		return start(3, o)
	}
	return start(2, o)
}

func start(roles int, o Options) (*Comparer, error) {
	rules, err := newRules(o)
	if err != nil {
		return nil, err
	}
	if o.Examples == 0 {
		o.Examples = DefaultExamples
	}
	c := &Comparer{
		roles: roles, in: make(chan arrival, queueMax), waits: make(map[[2]uint64]*meeting),
		fold: newFold(rules, o, roles),
	}
	c.done.Go(func() {
		for x := range c.in {
			c.meet(x)
		}
	})
	return c, nil
}

// Candidate takes an answer of the system that is judged. It does not block.
func (c *Comparer) Candidate(a *replay.Answered) { c.take(candidate, a) }

// Primary takes an answer of the system that is right by definition.
func (c *Comparer) Primary(a *replay.Answered) { c.take(primary, a) }

// Secondary takes an answer of a second instance of the primary.
func (c *Comparer) Secondary(a *replay.Answered) { c.take(secondary, a) }

func (c *Comparer) take(r role, a *replay.Answered) {
	if c.held.Add(weight(a)) > bytesMax {
		c.drop(a)
		return
	}
	select {
	case c.in <- arrival{r, a}:
	default:
		c.drop(a)
	}
}

// weight is about what an answer holds in memory.
func weight(a *replay.Answered) int64 { return int64(len(a.Body)) + 1024 }

func (c *Comparer) drop(a *replay.Answered) {
	c.held.Add(-weight(a))
	c.slow.Add(1)
}

// meet brings answers to one request together.
func (c *Comparer) meet(x arrival) {
	m := c.waits[x.a.ID]
	if m == nil {
		m = &meeting{}
		if c.roles > 1 {
			c.waits[x.a.ID] = m
			c.order = append(c.order, x.a.ID)
			c.makeRoom()
		}
	}
	if m.answers[x.role] == nil {
		m.count++
	}
	m.answers[x.role] = x.a
	if m.count < c.roles {
		return
	}
	delete(c.waits, x.a.ID)
	c.fold.compare(m)
	c.release(m)
}

// makeRoom gives up the oldest meetings while they hold more than half of the memory.
func (c *Comparer) makeRoom() {
	for c.held.Load() > bytesMax/2 && len(c.order) > 1 {
		c.giveUp()
	}
	if len(c.order) > 2*len(c.waits)+queueMax { // mostly of meetings that were held
		kept := c.order[:0]
		for _, id := range c.order {
			if c.waits[id] != nil {
				kept = append(kept, id)
			}
		}
		c.order = kept
	}
}

func (c *Comparer) giveUp() {
	id := c.order[0]
	c.order = c.order[1:]
	if m := c.waits[id]; m != nil {
		delete(c.waits, id)
		c.fold.leaveOut(causeMissing, 1)
		c.release(m)
	}
}

func (c *Comparer) release(m *meeting) {
	for _, a := range m.answers {
		if a != nil {
			c.held.Add(-weight(a))
		}
	}
}

// Close waits until everything is compared, and returns what came of it. Nothing may be given to c any more.
func (c *Comparer) Close() *gameday.Diff {
	close(c.in)
	c.done.Wait()
	for len(c.order) > 0 {
		c.giveUp()
	}
	c.fold.leaveOut(causeSlow, c.slow.Load())
	return c.fold.result()
}
