package replay

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"time"

	gameday "github.com/gameday-dev/gameday"
)

// Defaults of Config and of zero fields of its plan.
const (
	DefaultMaxConns = 1024
	DefaultTimeout  = 5 * time.Second
	DefaultMaxLate  = 50 * time.Millisecond
)

// maxShards bounds the threads that send: more than any machine has use for.
const maxShards = 256

// Config says what a Player plays, and to whom. Open and Targets must be set; the zero value of everything else
// works.
type Config struct {
	Run     string // id; every request carries it
	Traffic gameday.TrafficPlan
	Flows   []gameday.Flow
	Phases  gameday.Phases // of the run; without any it lasts until the end of the tape
	Seed    uint64
	Key     []byte // signs the mark of every request, at least 16 bytes; without one it is random, and no receiver can know it

	// Open opens the tape from its start; again for each pass of a loop. A Source that can seek
	// (Seek(time.Duration) error) or close (io.Closer) is asked to.
	Open func() (Source, error)

	// Targets are base URLs: http, https, or unix:///path for HTTP over a Unix socket. The first names the host,
	// connections go to all in turn.
	Targets  []string
	Local    string      // IP address to dial from
	TLS      *tls.Config // for https: certificates of the client, roots ...
	HTTP2    bool        // send everything over HTTP/2; without it only what was recorded so, where the target speaks it
	OwnHost  bool        // requests carry the host that they were recorded with, not that of the target
	MaxConns int         // connections at the same time
	Shards   int         // threads that send, each with its share of sessions and connections; 1 when 0

	// Reserved says that the Go runtime has a place (GOMAXPROCS) for each of the shards, beside those that all else needs.
	// A thread that sends then keeps its place while it waits for less than 1 ms.
	Reserved bool

	Ack     Ack
	Steady  bool     // it will not be asked for a surge, and so keeps nothing of its sessions that only a surge needs
	Sparse  bool     // give no slices of flows in seconds without requests: for many flows, and long replays
	Results *Results // one record per request, if wanted

	// Shift moves times to the present, if set: it is asked about each value of a request that a rule or a live value does
	// not replace, with the wall times of its recording and of its sending, and says what is sent instead. Recorded is
	// the wall time of the tape's offset zero.
	Shift    func(value string, recorded, now time.Time) (string, bool)
	Recorded time.Time

	// Watch is given every answer, if set, by the threads that send: it must not block. All answers are then kept, up
	// to 256 KiB of their bodies.
	Watch func(*Answered)

	// Middleware is shown every request before the filters and rewriting of the plan, if set, and the answers to those that
	// are no copies. It is of this player alone, which does not close it. Its end ends the replay with an error.
	Middleware Middleware
}

// Ack says which answers acknowledge an effect: the successes of Flow, with the id at the JSON path ID.
type Ack struct{ Flow, ID string }

func (c Config) withDefaults() Config {
	t := &c.Traffic
	if t.Speed == 0 {
		t.Speed = 1
	}
	if t.Amplify == 0 {
		t.Amplify = 1
	}
	if t.Timeout == 0 {
		t.Timeout = gameday.Duration(DefaultTimeout)
	}
	if t.MaxLate == 0 {
		t.MaxLate = gameday.Duration(DefaultMaxLate)
	}
	if t.MaxLimited == 0 {
		t.MaxLimited = gameday.DefaultMaxLimited
	}
	if t.Pace == "" {
		t.Pace = paceTape
	}
	if t.RateCap != 0 && t.CapBy == "" {
		t.CapBy = capSlow
	}
	if t.Busy == "" {
		t.Busy = "wait"
	}
	if c.MaxConns == 0 {
		c.MaxConns = DefaultMaxConns
	}
	if c.Shards == 0 {
		c.Shards = 1
	}
	if c.Run == "" {
		c.Run = strconv.FormatUint(c.Seed, 16)
	}
	return c
}

func (c Config) validate() error {
	var problems []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	t := c.Traffic
	positive := func(x float64) bool { return x > 0 && !math.IsInf(x, 0) }
	wrong(c.Open == nil, "traffic: no tape to open")
	wrong(!positive(t.Speed), "traffic speed %g: want a number above 0", t.Speed)
	wrong(!positive(t.Amplify) || t.Amplify > maxFactor, "traffic amplify %g: want a number above 0, and at most %d", t.Amplify, maxFactor)
	wrong(t.Timeout < 0 || t.MaxLate < 0 || t.Start < 0 || t.RetryGap < 0 || t.Retries < 0, "traffic: timeout, max_late, start, retries and retry_gap cannot be negative")
	wrong(!slices.Contains([]string{"", connsPool, connsRecorded}, t.Connections), "traffic connections %q: want pool or recorded", t.Connections)
	wrong(!slices.Contains([]string{"wait", "spill", "drop"}, t.Busy), "traffic busy %q: want wait, spill or drop", t.Busy)
	_, err := gameday.ParseShape(t.Shape)
	wrong(err != nil, "traffic: %w", err)
	wrong(t.Shape != "" && t.Shape != "recorded" && t.Speed != 1, "traffic shape %q sets the rate, and so would speed %g: leave one out", t.Shape, t.Speed)
	wrong(!slices.Contains([]string{paceTape, paceThink}, t.Pace), "traffic pace %q: want tape or think", t.Pace)
	wrong(t.Pace == paceThink && c.Middleware != nil, "traffic pace think: answers bring requests forward, and a middleware has to see them before: choose tape")
	recorded := (t.Shape == "" || t.Shape == "recorded") && t.Pace == paceTape
	wrong(t.MaxWait < 0 || t.MaxWait > 0 && !recorded, "traffic max_wait %s: bounds the pauses of a schedule as recorded, without a shape and by pace tape", t.MaxWait)
	wrong(t.RateCap < 0 || t.RateCap > maxCap || t.RateCap != t.RateCap, "traffic rate_cap %g: want at most %d per second", t.RateCap, maxCap)
	wrong(t.RateCap == 0 && t.CapBy != "" || t.RateCap != 0 && t.CapBy != capSlow && t.CapBy != capThin, "traffic cap_by %q: want slow or thin, beside a rate_cap", t.CapBy)
	wrong(c.Shift != nil && c.Recorded.IsZero(), "traffic: times cannot be moved: the tape does not say when it was recorded")
	for _, text := range t.Unsafe {
		_, err := gameday.ParseAllowance(text)
		wrong(err != nil, "traffic unsafe %w", err)
	}
	wrong(c.MaxConns < 0, "traffic: %d connections", c.MaxConns)
	wrong(c.Shards < 0 || c.Shards > maxShards, "traffic: %d shards: want 1 to %d", c.Shards, maxShards)
	wrong(len(c.Targets) == 0, "traffic: no target URL")
	wrong(!plain.accepts(c.Run), "traffic run %q: cannot stand in a header", c.Run)
	wrong(c.Local != "" && net.ParseIP(c.Local) == nil, "traffic local address %q: not an IP address", c.Local)
	wrong(len(t.Bind) > maxBinds, "traffic bind: %d rules exceed the limit of %d", len(t.Bind), maxBinds)
	for _, b := range t.Bind {
		if err := b.Check(); err != nil {
			problems = append(problems, fmt.Errorf("traffic bind: %w", err))
		}
	}
	wrong(t.Canary != "" && t.Canary[0] != '/', "traffic canary %q: want a path, and what the answer to it has: '/env staging'", t.Canary)
	if c.Ack.Flow != "" {
		_, known := newRoutes(c.Flows).index(c.Ack.Flow)
		wrong(!known, "ledger flow %q: no such flow", c.Ack.Flow)
	}
	return errors.Join(problems...)
}
