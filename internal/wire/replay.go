package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/reports"
)

// ReplayOptions say what is played, and to whom.
type ReplayOptions struct {
	Traffic gameday.TrafficPlan
	Flows   []gameday.Flow // to report on; the routes of the recording when empty
	For     time.Duration  // length; to the end of the tape when 0 and the tape is not looped
	Seed    uint64
	Import  capture.ImportOptions // how the recording is read, when it is no tape
	Ports   []uint16              // of servers, when it holds packets; all when empty
	Results string                // path of a file that vegeta reads, if wanted; its ending chooses gob, json or csv
	MarkKey string                // path of the key that signs marks; see markKey
	TLS     TLSFiles
	HTTP2   bool   // everything over HTTP/2
	Shards  int    // threads that send; as many as the rate needs when 0
	JWTKey  string // path of the key that signs tokens whose times have moved; see tokenKey

	MaxWrong *float64 // share of compared answers that may be wrong; any when nil
	Version  string   // of gameday

	Metrics  string            // address for Prometheus, if wanted
	Remote   bool              // other machines may reach it
	Serving  func(addr string) // told where it is; may be nil
	Out      io.Writer         // progress; none when nil
	Terminal bool              // draw a panel on it
	Panel    func(drawn bool)  // see RunOptions

	Keys Keys         // open an encrypted tape
	Warn func(error)  // told of a tape that is not whole; may be nil
	Note func(string) // told what else is good to know before the first request; may be nil

	Middleware MiddlewareOptions // sees the requests before they are due
	OwnHost    bool              // requests carry the host that they were recorded with
}

// Replay plays a recording against a URL, with no faults and no metrics but its own. Cancelling ctx ends it early
// with what was done until then.
func Replay(ctx context.Context, o ReplayOptions) (done reports.Replayed, err error) {
	given := o.Traffic.Tape
	tape, remove, err := unpack(ctx, given, unpacking{ports: o.Ports, read: o.Import, note: o.Note})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	o.Traffic.Tape = tape
	return replayTape(ctx, o, given)
}

// replayTape plays what is no file of packets. It is told of by the name that it was given.
func replayTape(ctx context.Context, o ReplayOptions, given string) (done reports.Replayed, err error) {
	warnOfDamage(o.Traffic.Tape, o.Warn)
	results, closeResults, err := createResults(o.Results)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, closeResults()) }()
	config, note, err := o.config()
	if err != nil {
		return done, err
	}
	config.Results = results
	known, err := surveyTape(ctx, config.Open, o.Traffic)
	if err != nil {
		return done, err
	}
	if t := known.Ledger.Total(); t.Captured == 0 && t.Lost.Total() > 0 {
		return done, fmt.Errorf("read %s: nothing of it is a request: %s; --format says what it is", given, byCause(t.Lost))
	}
	plan := gameday.Plan{Traffic: o.Traffic, Flows: o.Flows, Seed: o.Seed}
	if o.For > 0 {
		plan.Phases.Baseline = gameday.Duration(o.For)
	}
	if config.Shards == 0 {
		config.Shards = threads(peakOf(o.Traffic, known.Peak))
	}
	if len(plan.Flows) == 0 {
		plan.Flows, config.Sparse = known.Routes, true
	}
	ended, err := o.Middleware.replaying(&config, o.Traffic, o.Warn)
	if err != nil {
		return done, err
	}
	defer func() { err = ended(err) }()
	c, err := newCast(ctx, plan, config, o.JWTKey)
	if err != nil {
		return done, err
	}
	if note != "" && o.Note != nil {
		o.Note(note)
	}
	done = reports.Replayed{
		Plan: o.Traffic, Flows: plan.Flows, Seed: o.Seed, Version: o.Version, Started: time.Now().Add(replay.Lead), Capture: recordings(known.Ledger),
	}
	done.Plan.Tape, done.Plan.To = given, hideURL(o.Traffic.To)
	stop, err := o.expose(c)
	if err != nil {
		return done, err
	}
	sink, shown := o.show(ctx, done, o.length(known))
	defer makeRoom(len(c.players) * config.Shards)()
	defer holdMemory()()
	done.Traffic, err = c.Run(ctx, done.Started, sink)
	shown()
	err = errors.Join(err, stop())
	done.Sender, done.Length = c.first().Sender(), gameday.Duration(time.Since(done.Started).Round(time.Millisecond))
	done.Result, done.Reasons = o.judge(ctx, done.Traffic)
	return done, err
}

// config is what players need beyond a plan; note, where there is any, is good to know before the first request.
func (o ReplayOptions) config() (c replay.Config, note string, err error) {
	c = replay.Config{
		Run: "replay", Targets: []string{o.Traffic.To}, HTTP2: o.HTTP2, OwnHost: o.OwnHost, Shards: o.Shards, Reserved: true,
		Open: func() (replay.Source, error) { return Open(o.Traffic.Tape, o.Keys, o.Import) },
	}
	if c.TLS, err = o.TLS.load(); err != nil {
		return c, "", err
	}
	if c.Key, note, err = markKey(o.MarkKey); err != nil {
		return c, "", Refused{err}
	}
	return c, note, nil
}

// recordings are the accounts of a recording as reports know them.
func recordings(l replay.Ledger) map[string]reports.Recording {
	all := make(map[string]reports.Recording, len(l))
	for source, c := range l {
		all[source] = reports.Recording{Captured: c.Captured, Filtered: c.Filtered, Sampled: c.Sampled, Lost: c.Lost, Truncated: c.Truncated, Cut: c.Cut}
	}
	return all
}

// createResults opens the file that vegeta reads, if one is wanted.
func createResults(path string) (results *replay.Results, done func() error, err error) {
	if path == "" {
		return nil, func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, nil, fmt.Errorf("write results: %w", err)
	}
	out := bufio.NewWriterSize(file, 1<<16)
	results, err = replay.NewResults(out, encoding(path))
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return results, func() error { return errors.Join(out.Flush(), file.Close()) }, nil
}

// encoding chooses vegeta's encoding by the ending of a file's name.
func encoding(path string) string {
	switch {
	case len(path) > 5 && path[len(path)-5:] == ".json":
		return "json"
	case len(path) > 4 && path[len(path)-4:] == ".csv":
		return "csv"
	}
	return "gob"
}
