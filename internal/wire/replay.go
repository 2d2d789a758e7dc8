package wire

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
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
	Shards  int    // threads that send; 1 when 0
	JWTKey  string // path of the key that signs tokens whose times have moved; see tokenKey
	Slice   func(gameday.Slice)
	Keys    Keys         // open an encrypted tape
	Warn    func(error)  // told of a tape that is not whole; may be nil
	Note    func(string) // told what else is good to know before the first request; may be nil
}

// Replayed is what a replay did.
type Replayed struct {
	Traffic gameday.Traffic
	Sender  string // how requests were sent
	Started time.Time
	Length  time.Duration
}

// Replay plays a recording against a URL, with no faults and no metrics but its own. Cancelling ctx ends it early
// with what was done until then.
func Replay(ctx context.Context, o ReplayOptions) (done Replayed, err error) {
	tape, remove, err := unpack(ctx, o.Traffic.Tape, packing{ports: o.Ports, read: o.Import, note: o.Note})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	o.Traffic.Tape = tape
	return replayTape(ctx, o)
}

// replayTape plays what is no file of packets.
func replayTape(ctx context.Context, o ReplayOptions) (Replayed, error) {
	warnOfDamage(o.Traffic.Tape, o.Warn)
	secure, err := o.TLS.load()
	if err != nil {
		return Replayed{}, err
	}
	results, closeResults, err := createResults(o.Results)
	if err != nil {
		return Replayed{}, err
	}
	plan := gameday.Plan{Traffic: o.Traffic, Flows: o.Flows, Seed: o.Seed}
	if o.For > 0 {
		plan.Phases.Baseline = gameday.Duration(o.For)
	}
	key, note, err := markKey(o.MarkKey)
	if err != nil {
		return Replayed{}, errors.Join(Refused{err}, closeResults())
	}
	if note != "" && o.Note != nil {
		o.Note(note)
	}
	config := replay.Config{
		Run: "replay", Key: key, Targets: []string{o.Traffic.To}, TLS: secure, HTTP2: o.HTTP2, Shards: o.Shards, Results: results,
		Open: func() (replay.Source, error) { return Open(o.Traffic.Tape, o.Keys, o.Import) },
	}
	known, err := surveyTape(ctx, config.Open, o.Traffic)
	if err != nil {
		return Replayed{}, errors.Join(err, closeResults())
	}
	if len(plan.Flows) == 0 {
		plan.Flows, config.Sparse = known.Routes, true
	}
	c, err := newCast(ctx, plan, config, o.JWTKey)
	if err != nil {
		return Replayed{}, errors.Join(err, closeResults())
	}
	start := time.Now()
	traffic, err := c.Run(ctx, start, func(s gameday.Slice) {
		if o.Slice != nil {
			o.Slice(s)
		}
	})
	return Replayed{Traffic: traffic, Started: start, Sender: c.first().Sender(), Length: time.Since(start)}, errors.Join(err, closeResults())
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
	results, err = replay.NewResults(file, encoding(path))
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return results, file.Close, nil
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
