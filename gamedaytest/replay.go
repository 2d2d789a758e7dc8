package gamedaytest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay"
)

// Replay is a recording that is played in place of generated load, as that of a scenario is. Tape or Open must be given;
// the zero value of everything else works. A recording that is shorter than the case has to be looped.
type Replay struct {
	Tape string                        // path of a tape or a reel, or of what another tool recorded: .gor, HAR, pcap, an access log ...
	Open func() (replay.Source, error) // opens the recording from its start, once more for each pass: tape.NewReader on embedded bytes, say

	Start   time.Duration // offset into the recording
	Loop    bool          // start again at the end, with new identities
	Amplify float64       // copies of each session, each with an identity of its own; fractions thin out; 1 when 0
	Speed   float64       // 2 plays twice as fast; 1 when 0
	Shape   string        // rate of requests in place of the recorded one and of Speed, as gameday.ParseShape reads it: "ramp:10/s..200/s:60s"
	Pace    string        // "tape": requests are due as recorded; "think": so long after the answer before as recorded; "tape" when empty
	MaxWait time.Duration // longest pause between two requests, as they are due; as recorded when 0
	RateCap float64       // requests per second that are not exceeded; no cap when 0
	CapBy   string        // "slow": the cap stretches the schedule; "thin": it leaves out whole sessions; "slow" when empty

	Timeout     time.Duration // per request, from its due time; 5s when 0
	Busy        string        // what a request does when its session is still waiting: "wait", "spill" or "drop"; "wait" when empty
	Connections string        // "pool": sessions share connections; "recorded": what shared one in the recording does again; "pool" when empty
	Retries     int           // how often a user presses again after a failure
	RetryGap    time.Duration // between two presses; 2s when 0

	Unsafe   []string          // requests with effects that may be sent: "POST", or "POST /search/**"; others are skipped, and counted
	Filter   []gameday.Filter  // what of the recording is played; what is left out is counted by rule
	Rewrite  []gameday.Rewrite // parts of requests that are changed, such as test passwords in place of redacted ones
	Identity []string          // fields of request bodies that name a user, such as "$.user": each copy of a session gets a name of its own
	Bind     []string          // values of answers that later requests need, where that is not seen by itself: "POST /orders $.id -> /orders/{}"

	ShiftTime  bool // recorded dates, Unix times and the claims of tokens move to the present
	SignTokens bool // tokens whose claims move are signed anew, with the key that the environment has in GAMEDAY_JWT_KEY

	NotProduction []string // hosts that are not refused, though their names or addresses look like production; each exactly
	Canary        string   // path that the target must answer with 2xx, and text of that answer, before anything is sent: "/env staging"

	Diff Diff // answers are compared when it expects something
}

// Diff compares the answers of a replay, and says how many may differ.
type Diff struct {
	Expect []string // promises about the answers of the whole case, "wrong <= 0.1%", or about those of a flow: "browse fallback <= 20%"

	Primary   string // URL of a system that gets the same requests; compared with the recording when empty
	Secondary string // URL of a second instance of the primary: where the two differ is noise

	Ignore   []string // fields that may differ: "$.path", "$..name", "header:name", "status" or "body"
	Fallback []string // fields by which an answer says that it is a fallback: "header:X-Source=backup", "$.stale=true"
}

// wanted reports whether there is a recording to play.
func (r Replay) wanted() bool { return r.Tape != "" || r.Open != nil }

// check says what is wrong with the recording itself.
func (r Replay) check() error {
	if r.Tape != "" && r.Open != nil {
		return errors.New("replay: Tape and Open are both given: want one")
	}
	if !r.wanted() {
		if !reflect.ValueOf(r).IsZero() {
			return errors.New("replay: there is no recording: give it a Tape, or Open")
		}
		return nil
	}
	if r.Tape != "" {
		if _, err := os.Stat(r.Tape); err != nil {
			return fmt.Errorf("replay: %w; the path is relative to the test's package", err)
		}
	}
	return nil
}

// plan writes the replay into the plan of a case. The player looks at what it says; here is looked at what only a test says
// so.
func (r Replay) plan(p *gameday.Plan, source string) error {
	binds, err := r.binds()
	errs := []error{err}
	if r.CapBy != "" && r.RateCap == 0 {
		errs = append(errs, errors.New("replay: CapBy: there is no cap to keep: set RateCap too"))
	}
	if r.SignTokens && !r.ShiftTime {
		errs = append(errs, errors.New("replay: SignTokens: tokens are signed anew where their times move: set ShiftTime too"))
	}
	for _, field := range r.Identity {
		if !strings.HasPrefix(field, "$.") {
			errs = append(errs, fmt.Errorf("replay: Identity %q: want the path of a field, such as $.user", field))
		}
	}
	t := &p.Traffic
	t.Tape, t.Start, t.Loop = cmp.Or(r.Tape, "opened by the test"), gameday.Duration(r.Start), r.Loop
	t.Speed, t.Amplify = cmp.Or(r.Speed, 1), cmp.Or(r.Amplify, 1)
	t.Shape, t.Pace, t.RateCap, t.CapBy = r.Shape, cmp.Or(r.Pace, t.Pace), r.RateCap, r.CapBy
	t.MaxWait = gameday.Duration(r.MaxWait)
	if r.RateCap != 0 {
		t.CapBy = cmp.Or(r.CapBy, "slow")
	}
	t.Timeout, t.Busy, t.Connections = cmp.Or(gameday.Duration(r.Timeout), t.Timeout), cmp.Or(r.Busy, t.Busy), r.Connections
	if t.Retries = r.Retries; r.Retries != 0 {
		t.RetryGap = gameday.Duration(cmp.Or(r.RetryGap, retryGap))
	}
	t.Unsafe, t.Filter, t.Rewrite = allowances(r.Unsafe), slices.Clone(r.Filter), slices.Clone(r.Rewrite)
	t.Identity, t.Bind = slices.Clone(r.Identity), binds
	t.ShiftTime, t.SignTokens = r.ShiftTime, r.SignTokens
	t.NotProduction, t.Canary = slices.Clone(r.NotProduction), r.Canary
	return errors.Join(append(errs, r.compare(p, source))...)
}

// allowances returns what may be sent as plans have it. What cannot be read stays as it is: the player refuses it.
func allowances(texts []string) []string {
	all := slices.Clone(texts)
	for i, text := range all {
		if a, err := gameday.ParseAllowance(text); err == nil {
			all[i] = a.String()
		}
	}
	return all
}

// binds reads the rules of correlation.
func (r Replay) binds() ([]gameday.Bind, error) {
	var binds []gameday.Bind
	var errs []error
	for _, text := range r.Bind {
		b, err := gameday.ParseBind(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("replay: Bind %q: %w", text, err))
		}
		binds = append(binds, b)
	}
	return binds, errors.Join(errs...)
}

// compare writes into the plan what answers are compared with, and what is expected of them.
func (r Replay) compare(p *gameday.Plan, source string) error {
	if len(r.Diff.Expect) == 0 {
		if r.Diff.Primary != "" || len(r.Diff.Ignore)+len(r.Diff.Fallback) > 0 {
			return errors.New(`replay: Diff.Expect is empty, so nothing is compared: want promises such as "wrong <= 0.1%"`)
		}
		return nil
	}
	p.Traffic.Diff = gameday.DiffPlan{
		Recording: r.Diff.Primary == "", Primary: r.Diff.Primary, Secondary: r.Diff.Secondary,
		Ignore: slices.Clone(r.Diff.Ignore), Fallback: slices.Clone(r.Diff.Fallback),
	}
	var errs []error
	for _, text := range r.Diff.Expect {
		b, err := diffBound(text, p.Flows)
		if err != nil {
			errs = append(errs, fmt.Errorf("replay: Diff.Expect %q: %w", text, err))
			continue
		}
		b.Source = source
		p.Traffic.Diff.Bounds = append(p.Traffic.Diff.Bounds, b)
	}
	return errors.Join(errs...)
}

// diffBound reads "CLASS OP SHARE", or "FLOW CLASS OP SHARE".
func diffBound(text string, flows []gameday.Flow) (gameday.DiffBound, error) {
	flow := ""
	if words := strings.Fields(text); len(words) == 4 {
		flow, text = words[0], strings.Join(words[1:], " ")
		if !slices.ContainsFunc(flows, func(f gameday.Flow) bool { return f.Name == flow }) {
			return gameday.DiffBound{}, fmt.Errorf("there is no flow %q", flow)
		}
	}
	b, err := wire.DiffBound(text)
	b.Flow, b.Severity = flow, gameday.SeverityFail
	return b, err
}
