package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gameday-dev/gameday"
)

var _ gameday.Metrics = (*Answers)(nil)

// The limits of kept answers: what a verdict of some thousand questions needs, and no more.
const (
	answersMax      = 10_000
	answerPointsMax = 5_000_000 // of all answers together
)

// Answers asks a Prometheus that somebody else runs, and keeps what it says, errors too: the same question has the
// same answer from then on, and after Save and LoadAnswers without that server. Questions about the harness's own
// series go to its store, which is kept anyway.
type Answers struct {
	ask gameday.Metrics // nil once loaded
	own *Store          // nil when there is none

	mu     sync.Mutex
	kept   map[query]answer
	points int
	lost   int // answers beyond the limits
}

// query is a question to a server.
type query struct {
	Expr string           `json:"expr"`
	From gameday.Duration `json:"from"`
	To   gameday.Duration `json:"to"`
	Step gameday.Duration `json:"step"`
}

// answer is what it said.
type answer struct {
	series []gameday.Series
	err    string // instead of series
}

// NewAnswers returns an empty memory of what remote says.
func NewAnswers(remote *Remote) *Answers {
	return &Answers{ask: remote, own: remote.own, kept: map[query]answer{}}
}

// Needs is Store.Needs.
func (*Answers) Needs(expr string) (always, sometimes []string, err error) { return needs(expr) }

// Sides is Store.Sides.
func (*Answers) Sides(expr string) ([][3]string, error) { return sides(expr) }

// Lost returns how many answers were more than the limits allow to keep.
func (a *Answers) Lost() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost
}

// Range implements gameday.Metrics. A step of 0 is one second.
func (a *Answers) Range(ctx context.Context, expr string, from, to, step gameday.Duration) ([]gameday.Series, error) {
	if step == 0 {
		step = gameday.Duration(time.Second)
	}
	if err := checkQuery(expr, from, to, step); err != nil {
		return nil, err
	}
	switch ours, theirs, err := owners(expr); {
	case err != nil:
		return nil, err
	case ours && !theirs && a.own != nil:
		return a.own.Range(ctx, expr, from, to, step)
	}
	q := query{expr, from, to, step}
	if known, ok := a.known(q); ok {
		return known.result()
	}
	if a.ask == nil {
		return nil, fmt.Errorf("evaluate PromQL %q: the run kept no answer of its Prometheus to this question: ask that server", expr)
	}
	series, err := a.ask.Range(ctx, expr, from, to, step)
	if ctx.Err() == nil { // else nothing was learnt
		a.keep(q, series, err)
	}
	return series, err
}

func (a *Answers) known(q query) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.kept[q]
	return known, ok
}

func (a *Answers) keep(q query, series []gameday.Series, err error) {
	points := 0
	for _, s := range series {
		points += len(s.Points)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= answersMax || a.points+points > answerPointsMax {
		a.lost++
		return
	}
	kept := answer{series: series}
	if err != nil {
		kept = answer{err: err.Error()}
	}
	a.kept[q], a.points = kept, a.points+points
}

func (a answer) result() ([]gameday.Series, error) {
	if a.err != "" {
		return nil, errors.New(a.err)
	}
	return a.series, nil
}
