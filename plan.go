package gameday

import "encoding/json"

// PlanVersion is the version of the plan's form in plan.json.
const PlanVersion = 1

// Plan is a scenario with everything resolved: every default is written in, every offset is known and
// every random choice follows from Seed. The same plan on the same system does the same things.
type Plan struct {
	Version    int               `json:"version"`
	Name       string            `json:"name"`
	Title      string            `json:"title,omitempty"`
	Owner      string            `json:"owner,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Links      map[string]string `json:"links,omitempty"` // for people, such as a runbook: name to URL
	Hypothesis string            `json:"hypothesis,omitempty"`
	File       string            `json:"file"`   // the scenario's path as it was given
	SHA256     string            `json:"sha256"` // of the scenario's text
	Seed       uint64            `json:"seed"`

	Environment Environment     `json:"environment"`
	Metrics     MetricsPlan     `json:"metrics"`
	Flows       []Flow          `json:"flows"`
	Traffic     TrafficPlan     `json:"traffic"`
	Phases      Phases          `json:"phases"`
	Steps       []Step          `json:"steps"`
	Assertions  []AssertionSpec `json:"assertions"`
	Aborts      []Abort         `json:"aborts,omitempty"`
	Ledger      *LedgerPlan     `json:"ledger,omitempty"`
	Outputs     Outputs         `json:"outputs,omitzero"`
}

// Environment says what is put to the test and what may never be.
type Environment struct {
	Platform      string            `json:"platform"`                 // "local"
	Topology      string            `json:"topology,omitempty"`       // path of the topology file
	Replicas      map[string]int    `json:"replicas,omitempty"`       // per service, instead of the topology's
	RequireLabels map[string]string `json:"require_labels,omitempty"` // every target must carry these
	Deny          []string          `json:"deny,omitempty"`           // glob patterns of target names that are never touched
	ReadyWithin   Duration          `json:"ready_within"`             // for the whole topology to be healthy
}

// MetricsPlan says where series come from.
type MetricsPlan struct {
	Interval Duration `json:"interval"`          // between scrapes
	Targets  []string `json:"targets,omitempty"` // URLs beyond the platform's own
	Remote   string   `json:"remote,omitempty"`  // URL of a Prometheus to ask instead of the embedded one
}

// Criticality ranks flows as the system under test should.
type Criticality string

// The criticalities, most important first.
const (
	Core       Criticality = "core"
	Degradable Criticality = "degradable"
	Sheddable  Criticality = "sheddable"
)

// Flow is a kind of request that matters as a whole, such as placing an order.
type Flow struct {
	Name        string      `json:"name"`
	Method      string      `json:"method,omitempty"` // any when empty
	Path        string      `json:"path"`             // glob: * is one segment, ** is any rest
	Criticality Criticality `json:"criticality"`
	Objectives  []Objective `json:"objectives,omitempty"`
}

// Objective is a promise about a flow, such as "p99 <= 300ms".
type Objective struct {
	Text     string   `json:"text"`             // as written
	Metric   string   `json:"metric"`           // p50 p90 p95 p99 p999 max mean, error_rate, success_rate, rate, recovery
	Op       string   `json:"op"`               // <= < >= > ==
	Limit    float64  `json:"limit"`            // seconds, ratio, or requests per second
	During   []Phase  `json:"during"`           // the phases in which it must hold
	After    Duration `json:"after,omitempty"`  // the first part of the fault phase that is not judged: detection takes time
	Severity Severity `json:"severity"`         // what a miss means
	Source   string   `json:"source,omitempty"` // file:line
}

// TrafficPlan says what is replayed, and how fast.
type TrafficPlan struct {
	Tape        string   `json:"tape"`                  // path of the tape
	To          string   `json:"to"`                    // entry of the topology, or a URL
	Speed       float64  `json:"speed"`                 // 2 replays twice as fast
	Amplify     float64  `json:"amplify"`               // copies of each session, fractional by thinning
	Shape       string   `json:"shape,omitempty"`       // rate of requests instead of the recorded one, as ParseShape reads it
	Pace        string   `json:"pace"`                  // "tape": requests are due as recorded; "think": so long after the answer before
	MaxWait     Duration `json:"max_wait,omitempty"`    // longest pause between two requests, as they are due; what is longer is shortened, unless 0
	RateCap     float64  `json:"rate_cap,omitempty"`    // requests per second that are not exceeded; 0 is without a cap
	CapBy       string   `json:"cap_by,omitempty"`      // slow: stretch the schedule; thin: leave out whole sessions
	Loop        bool     `json:"loop"`                  // start again at the end of the tape, with new identities
	Start       Duration `json:"start,omitempty"`       // offset into the tape
	Timeout     Duration `json:"timeout"`               // per request, from its due time
	Retries     int      `json:"retries,omitempty"`     // how often a user presses again after a failure (habit retries)
	RetryGap    Duration `json:"retry_gap,omitzero"`    // between two presses
	Busy        string   `json:"busy"`                  // what a request does when its session is still waiting: wait, spill or drop
	Connections string   `json:"connections,omitempty"` // "pool" or nothing: sessions share connections; "recorded": what shared one in the recording does again
	MaxLate     Duration `json:"max_late"`              // p99 send lateness beyond which the run is inconclusive
	MaxLimited  float64  `json:"max_limited"`           // share of seconds limited by the generator beyond which it is, too; 0 stands for the default

	// Shares of what is due of one flow in one phase, from 0 to 1; 0 stands for the default. Beyond them the run is
	// inconclusive: success rates speak only of what was sent.
	MaxSkipped float64 `json:"max_skipped"` // skipped because an earlier answer of its session failed
	MaxDropped float64 `json:"max_dropped"` // dropped because its session was busy

	Unsafe []string `json:"unsafe,omitempty"` // requests with effects that may be sent: see ParseAllowance

	Filter   []Filter  `json:"filter,omitempty"`   // what of the tape is played; the rest is counted, by rule
	Identity []string  `json:"identity,omitempty"` // JSON paths of request bodies that name a user: each copy of a session gets a name of its own
	Rewrite  []Rewrite `json:"rewrite,omitempty"`  // fields that are set anew, such as staging passwords in place of redacted ones
	Diff     DiffPlan  `json:"diff,omitzero"`      // what the answers are compared with
	Bind     []Bind    `json:"bind,omitempty"`     // values of answers that later requests need, where that is not seen by itself

	ShiftTime  bool `json:"shift_time,omitempty"`  // recorded times move to the present
	SignTokens bool `json:"sign_tokens,omitempty"` // and tokens are signed anew, with a key that no plan holds

	NotProduction []string `json:"not_production,omitempty"` // hosts that are not refused, whatever they look like
	Canary        string   `json:"canary,omitempty"`         // "PATH TEXT": a GET of PATH that the target must answer with 2xx and TEXT before anything is sent
}

// The defaults of the bounds on limited seconds and on skipping. The failure that a skip follows from is on record itself, so that a quarter
// may be missing; dropping is what a plan asks for with busy: drop, so it is bounded where what is left would be
// another load.
const (
	DefaultMaxLimited = 0.05
	DefaultMaxSkipped = 0.25
	DefaultMaxDropped = 0.75
)

// Rewrite changes one part of the requests that match. Exactly one of JSON, Header, Param and URL is set.
type Rewrite struct {
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"` // glob as in Flow

	JSON   string `json:"json,omitempty"`   // path into the body: "$.password"; fields that are not there stay so
	Header string `json:"header,omitempty"` // name; the line is added where there is none
	Param  string `json:"param,omitempty"`  // name of a query parameter, added where there is none
	URL    string `json:"url,omitempty"`    // regular expression (RE2) in the target; the first rule that matches ends the search

	// Match, beside Header, is a regular expression: then only what it finds in the value is replaced.
	Match string `json:"match,omitempty"`
	// Value is what is set. With JSON and Header ${$.user} stands for another field of the same body, after identities
	// are remapped; with URL and Match $1 is what the first group found. It stands as it is in a parameter.
	Value string `json:"value"`
}

// Phase is a named stretch of the run.
type Phase string

// The phases, in order. Always covers baseline to recovery. After is the part of recovery that follows the
// allowed recovery time.
const (
	Warmup   Phase = "warmup"
	Baseline Phase = "baseline"
	During   Phase = "fault"
	Recovery Phase = "recovery"
	Always   Phase = "always"
)

// Phases are the lengths of the stretches. Traffic flows through all of them.
type Phases struct {
	Warmup   Duration `json:"warmup"`
	Baseline Duration `json:"baseline"`
	Fault    Duration `json:"fault"`
	Recovery Duration `json:"recovery"`
}

// Window returns where p begins and ends, as offsets from the start of the run.
func (p Phases) Window(phase Phase) (from, to Duration) {
	base := p.Warmup
	fault := base + p.Baseline
	recovery := fault + p.Fault
	end := recovery + p.Recovery
	switch phase {
	case Warmup:
		return 0, base
	case Baseline:
		return base, fault
	case During:
		return fault, recovery
	case Recovery:
		return recovery, end
	}
	return base, end
}

// At returns the phase that contains the offset.
func (p Phases) At(offset Duration) Phase {
	for _, phase := range []Phase{Warmup, Baseline, During} {
		if _, to := p.Window(phase); offset < to {
			return phase
		}
	}
	return Recovery
}

// Total returns the length of the run.
func (p Phases) Total() Duration { return p.Warmup + p.Baseline + p.Fault + p.Recovery }

// Step is one planned fault: a monkey, where, when and for how long.
type Step struct {
	Name     string          `json:"name"`  // unique in the plan; a repeated fault gets name-1, name-2 ...
	Group    string          `json:"group"` // the scenario's name for it
	Monkey   string          `json:"monkey"`
	Config   json.RawMessage `json:"config"`
	Selector Selector        `json:"selector"`
	At       Duration        `json:"at"`  // offset from the start of the run
	For      Duration        `json:"for"` // more than 0
	Proof    *Proof          `json:"proof,omitempty"`
	Within   Duration        `json:"within"` // for the effect to be seen, and again for the heal
	Source   string          `json:"source,omitempty"`
}

// Proof is a condition on metrics that must be seen while a fault lasts, beside the monkey's own measurement.
type Proof struct {
	PromQL string   `json:"promql"`
	Within Duration `json:"within"`
}

// Severity says what a missed expectation means for the verdict.
type Severity string

// The severities.
const (
	SeverityFail Severity = "fail" // the run fails
	SeverityWarn Severity = "warn" // the report says so
)

// AssertionSpec is an expectation on metrics.
type AssertionSpec struct {
	Name     string   `json:"name"`
	PromQL   string   `json:"promql"`
	Expect   string   `json:"expect,omitempty"` // "== 0"; empty means that the expression is a comparison and holds when its answer is not empty
	During   Phase    `json:"during,omitempty"` // the window; or
	Fault    string   `json:"fault,omitempty"`  // the window is from the injection of this step or group to its heal
	After    Duration `json:"after,omitempty"`  // cut off at the start of the window
	Until    Duration `json:"until,omitempty"`  // end of the window, counted from its start; 0 is its end
	Within   Duration `json:"within,omitempty"` // 0: holds at every step of the window; else: becomes true within this time and stays
	Once     bool     `json:"once,omitempty"`   // holds at some step of the window
	Severity Severity `json:"severity"`
	Source   string   `json:"source,omitempty"`
}

// Abort is a stop condition: once it has held for the stated time, everything is healed and the run ends.
type Abort struct {
	Text   string   `json:"text"`             // as written
	Flow   string   `json:"flow,omitempty"`   // a condition on a flow, evaluated over the last For ...
	Metric string   `json:"metric,omitempty"` // ... of this metric
	Op     string   `json:"op,omitempty"`
	Limit  float64  `json:"limit,omitempty"`
	PromQL string   `json:"promql,omitempty"` // or one on metrics, true when not empty
	For    Duration `json:"for"`
	Source string   `json:"source,omitempty"`
}

// LedgerPlan says how acknowledged effects are counted against what the system kept.
type LedgerPlan struct {
	Flow    string `json:"flow"`    // whose success acknowledges
	ID      string `json:"id"`      // JSON path of the acknowledged id in the answer: "$.order_id"
	Service string `json:"service"` // whose admin page lists what is kept
	Path    string `json:"path"`    // of that page: JSON lines with id, count and the like
}

// Outputs are files written besides the run directory. Empty means not wanted.
type Outputs struct {
	Report string `json:"report,omitempty"`
	JUnit  string `json:"junit,omitempty"`
}
