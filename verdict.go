package gameday

// Outcome is three-valued truth. The zero value is no knowledge, and never a pass.
type Outcome int

// The outcomes.
const (
	Unknown Outcome = iota
	Pass
	Fail
)

var outcomeNames = []string{"unknown", "pass", "fail"}

// String returns the outcome in words.
func (o Outcome) String() string { return name(outcomeNames, int(o)) }

// MarshalText writes the outcome in words.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(text []byte) error { return parseName(outcomeNames, text, o) }

// Result is how a run ended as a whole.
type Result string

// The results. A run earns PASS; everything doubtful is INCONCLUSIVE.
const (
	ResultPass         Result = "PASS"
	ResultFail         Result = "FAIL"
	ResultInconclusive Result = "INCONCLUSIVE"
	ResultAborted      Result = "ABORTED"
	ResultError        Result = "ERROR"
	ResultLeaked       Result = "LEAKED" // faults are still open: outranks all
)

// Exit codes beyond those of results.
const (
	ExitUsage      = 2 // wrong call or invalid scenario
	ExitInterrupt  = 130
	ExitTerminated = 143
)

// ExitCode returns the exit code of a process that ends with r.
func (r Result) ExitCode() int {
	switch r {
	case ResultPass:
		return 0
	case ResultFail:
		return 1
	case ResultInconclusive:
		return 3
	case ResultAborted:
		return 4
	case ResultLeaked:
		return 6
	}
	return 5
}

// Worse returns the one of the two that outranks the other: LEAKED, ERROR, ABORTED, FAIL, INCONCLUSIVE, PASS.
func (r Result) Worse(s Result) Result {
	rank := map[Result]int{ResultPass: 1, ResultInconclusive: 2, ResultFail: 3, ResultAborted: 4, ResultError: 5, ResultLeaked: 6}
	if rank[s] > rank[r] {
		return s
	}
	return r
}

// Finding is the judgement of one expectation, with what it rests on.
type Finding struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"` // guard, steady, objective, assertion, ledger, proof, heal
	Flow     string   `json:"flow,omitempty"`
	Outcome  Outcome  `json:"outcome"`
	Severity Severity `json:"severity"`
	Expected string   `json:"expected"`         // "p99 <= 300ms"
	Observed string   `json:"observed"`         // "742ms; over for 63s"
	Why      string   `json:"why,omitempty"`    // for Unknown: what was missing, and the remedy
	Source   string   `json:"source,omitempty"` // file:line of the scenario
	Expr     string   `json:"expr,omitempty"`   // PromQL

	From     Duration `json:"from,omitempty"` // the window that was judged
	To       Duration `json:"to,omitempty"`
	Before   *float64 `json:"before,omitempty"` // objectives: the value in each phase, in the unit of the limit
	During   *float64 `json:"during,omitempty"`
	After    *float64 `json:"after,omitempty"`
	Limit    *float64 `json:"limit,omitempty"`
	Unit     string   `json:"unit,omitempty"`     // s, ratio, /s
	Over     Duration `json:"over,omitempty"`     // how long it was missed in the window
	Evidence []Series `json:"evidence,omitempty"` // the series that decided, thinned to what a reader can see
}

// Onset is the first departure of one signal from its baseline.
type Onset struct {
	Signal   string   `json:"signal"`  // "checkout p99", "order -> promotion refused"
	Subject  string   `json:"subject"` // flow or service
	At       Duration `json:"at"`
	Baseline float64  `json:"baseline"`
	Value    float64  `json:"value"` // the extreme reached
	Unit     string   `json:"unit"`
}

// FlowPhase is the summary of one flow in one phase.
type FlowPhase struct {
	Flow      string          `json:"flow"`
	Phase     Phase           `json:"phase"`
	Requests  int64           `json:"requests"`
	Classes   map[Class]int64 `json:"classes"`
	P50       Duration        `json:"p50"`
	P90       Duration        `json:"p90"`
	P99       Duration        `json:"p99"`
	P999      Duration        `json:"p999"`
	Max       Duration        `json:"max"`
	Service99 Duration        `json:"service_p99"` // counted from the send, as other tools do
}

// Verdict is what a run proved.
type Verdict struct {
	Result     Result      `json:"result"`
	Sentence   string      `json:"sentence"`              // one line for people, generated from the findings
	BrokeFirst string      `json:"broke_first,omitempty"` // one line on the order of onsets
	Findings   []Finding   `json:"findings"`              // worst first
	Onsets     []Onset     `json:"onsets,omitempty"`      // in time order
	Unaffected []string    `json:"unaffected,omitempty"`  // flows and services that stayed within their baseline
	Flows      []FlowPhase `json:"flows"`
	Recovered  *Duration   `json:"recovered,omitempty"` // from the last heal until every core objective held again and stayed
	Detected   *Duration   `json:"detected,omitempty"`  // from the first injection to the first onset
}
