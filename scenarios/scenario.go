package scenarios

import gameday "github.com/gameday-dev/gameday"

// The doc comments of this file are the descriptions in the JSON Schema, and its jsonschema tags (required,
// default, enum, minimum, maximum) are enforced by Parse: one source for the decoder, editors and readers.

// Scenario is one experiment on a system under test: traffic, trouble, and what must still hold.
type Scenario struct {
	// Version of the format.
	APIVersion string `json:"apiVersion" jsonschema:"required,enum=gameday/v1"`
	// Kind of document.
	Kind     string   `json:"kind" jsonschema:"required,enum=Scenario"`
	Metadata Metadata `json:"metadata" jsonschema:"required"`
	Spec     Spec     `json:"spec" jsonschema:"required"`

	src     *source
	monkeys gameday.Catalog
}

// Metadata says what the scenario is called and whom to ask.
type Metadata struct {
	// Name of the scenario: a letter, then letters, digits, - and _.
	Name string `json:"name" jsonschema:"required"`
	// Title for people, one line.
	Title string `json:"title"`
	// Owner to ask about a finding.
	Owner string `json:"owner"`
	// Labels to find scenarios by.
	Labels map[string]string `json:"labels"`
	// Links for people, such as a runbook: name to URL.
	Links map[string]string `json:"links"`
}

// Spec is the experiment.
type Spec struct {
	// What is believed to hold, in a sentence or two.
	Hypothesis string `json:"hypothesis"`
	// Values that a run can choose with --set, used as ${name}.
	Parameters  map[string]Parameter `json:"parameters"`
	Environment Environment          `json:"environment" jsonschema:"required"`
	Metrics     Metrics              `json:"metrics"`
	// Kinds of requests that matter as a whole. The first match counts.
	Flows   []Flow  `json:"flows" jsonschema:"required"`
	Traffic Traffic `json:"traffic" jsonschema:"required"`
	Phases  Phases  `json:"phases"`
	// Trouble, in any order.
	Faults []Fault `json:"faults"`
	// Expectations on metrics.
	Assertions []Assertion `json:"assertions"`
	Ledger     *Ledger     `json:"ledger"`
	// Stop conditions: once one holds, everything is healed and the run ends.
	Abort   []Abort `json:"abort"`
	Outputs Outputs `json:"outputs"`
}

// Parameter is a value that a run can choose.
type Parameter struct {
	// Type of the value.
	Type string `json:"type" jsonschema:"required,enum=string,enum=number,enum=integer,enum=boolean,enum=duration"`
	// Value when a run chooses none. Without it, every run must choose.
	Default *Scalar `json:"default"`
	// What it is for.
	Description string `json:"description"`
}

// Environment says what is put to the test, and what may never be.
type Environment struct {
	// What runs the system under test.
	Platform string `json:"platform" jsonschema:"enum=local,default=local"`
	// Path of the topology file, relative to this file.
	Topology string `json:"topology" jsonschema:"required"`
	// Copies per service, instead of the topology's.
	Replicas map[string]int `json:"replicas"`
	// Time for the whole topology to become healthy.
	ReadyWithin gameday.Duration `json:"readyWithin" jsonschema:"default=30s"`
	Guard       Guard            `json:"guard"`
}

// Guard limits what faults may touch.
type Guard struct {
	// Labels that every target must carry. {gameday: allowed} when absent.
	RequireLabels map[string]string `json:"requireLabels"`
	// Patterns of target names that are never touched, such as prod-*.
	Deny []string `json:"deny"`
}

// Metrics says where series come from.
type Metrics struct {
	// Time between scrapes, 100ms to 30s.
	Interval gameday.Duration `json:"interval" jsonschema:"default=1s"`
	// More targets to scrape than the platform's own: a URL, or host:port for its /metrics.
	Targets    []string   `json:"targets"`
	Prometheus Prometheus `json:"prometheus"`
}

// Prometheus chooses what answers PromQL: the embedded engine, or a remote server.
type Prometheus struct {
	// Scrape and answer inside gameday. This is the default.
	Embedded bool    `json:"embedded"`
	Remote   *Remote `json:"remote"`
}

// Remote is a Prometheus that is asked instead of the embedded engine.
type Remote struct {
	// URL of its API.
	URL string `json:"url" jsonschema:"required"`
}

// Flow is a kind of request that matters as a whole, such as placing an order.
type Flow struct {
	// Name of the flow: a letter, then letters, digits, - and _.
	Name  string `json:"name" jsonschema:"required"`
	Match Match  `json:"match" jsonschema:"required"`
	// Rank of the flow for the system under test.
	Criticality gameday.Criticality `json:"criticality" jsonschema:"enum=core,enum=degradable,enum=sheddable,default=core"`
	// Promises about the flow, such as "p99 <= 300ms".
	SLO []SLO `json:"slo"`
}

// Match chooses requests.
type Match struct {
	// HTTP method. Any when absent.
	Method string `json:"method" jsonschema:"enum=GET,enum=HEAD,enum=POST,enum=PUT,enum=PATCH,enum=DELETE,enum=OPTIONS"`
	// Path without the query: * stands for one segment or a part of one, ** at the end for any rest.
	Path string `json:"path" jsonschema:"required"`
}

// SLO is a promise about a flow: a string such as "error_rate <= 1%", or its expanded form.
type SLO struct {
	// METRIC OP LIMIT, such as "p99 <= 300ms", "success_rate >= 99.9%", "rate >= 50/s" or "recovery <= 60s".
	Expr string `json:"expr" jsonschema:"required"`
	// Phases in which it must hold. All but the warm-up when absent.
	During PhaseList `json:"during" jsonschema:"enum=baseline,enum=fault,enum=recovery,enum=always"`
	// First part of the fault phase that is not judged: detection takes time.
	After gameday.Duration `json:"after"`
	// What a miss means.
	Severity gameday.Severity `json:"severity" jsonschema:"enum=fail,enum=warn,default=fail"`
}

// PhaseList is one phase, or a list of them.
type PhaseList []gameday.Phase

// Traffic is the load on the system under test.
type Traffic struct {
	Replay Replay `json:"replay" jsonschema:"required"`
}

// Replay plays captured traffic.
type Replay struct {
	// Path of the tape, relative to this file.
	Capture string `json:"capture" jsonschema:"required"`
	// Entry of the topology, or a URL.
	To string `json:"to" jsonschema:"required"`
	// 2 replays twice as fast.
	Speed float64 `json:"speed" jsonschema:"default=1,minimum=0.001,maximum=1000"`
	// Rate of requests that takes the place of the recorded one: steady:50/s, ramp:10/s..200/s:60s, step:10/s,50/s:20s or
	// sine:20/s..80/s:60s.
	Shape string `json:"shape"`
	// When requests are due: as recorded (tape), or so long after the answer before as recorded (think).
	Pace string `json:"pace" jsonschema:"enum=tape,enum=think,default=tape"`
	// Longest pause between two requests, as they are due: a longer one is shortened to it.
	MaxWait gameday.Duration `json:"maxWait"`
	// Rate that is not exceeded, such as 500/s.
	RateCap string `json:"rateCap"`
	// How the cap is kept: by stretching the schedule, or by leaving out whole sessions. slow when there is a cap.
	CapBy string `json:"capBy" jsonschema:"enum=slow,enum=thin"`
	// Copies of each session, each with an identity of its own. Fractions thin out.
	Amplify float64 `json:"amplify" jsonschema:"default=1,minimum=0.001,maximum=1000"`
	// Start again at the end of the tape, with new identities.
	Loop bool `json:"loop"`
	// Offset into the tape.
	Start gameday.Duration `json:"start"`
	// Limit per request, from its due time.
	Timeout gameday.Duration `json:"timeout" jsonschema:"default=5s"`
	// What a request does when its session is still waiting for the one before.
	Busy string `json:"busy" jsonschema:"enum=wait,enum=spill,enum=drop,default=wait"`
	// What shares connections: all sessions (pool), or the requests of one session that shared one in the recording (recorded).
	Connections string `json:"connections" jsonschema:"enum=pool,enum=recorded,default=pool"`
	Habit       Habit  `json:"habit"`
	// Requests with effects that may be sent: those of a method, such as POST, or those of some of its paths, such as "POST /search/**". Others are skipped, and counted.
	Unsafe []string `json:"unsafe"`
	// Fields of request bodies that name a user, such as $.user: each copy of a session gets a name of its own.
	Identity []string `json:"identity"`
	// What of the tape is played. What is left out is counted by rule.
	Filter []Filter `json:"filter"`
	// Parts of requests that are changed, such as staging passwords in place of redacted ones.
	Rewrite []Rewrite `json:"rewrite"`
	// Values of answers that later requests of the session need, where that is not seen by itself: "POST /orders $.order_id -> /orders/{}".
	Bind []string `json:"bind"`
	// Recorded dates, Unix times and the claims of tokens move to the present.
	ShiftTime bool `json:"shiftTime"`
	// Tokens whose claims move are signed anew, with the key that the environment has in GAMEDAY_JWT_KEY. Without it they stay
	// as they are.
	SignTokens bool  `json:"signTokens"`
	Diff       *Diff `json:"diff"`
	// Hosts that are not refused, though their names or addresses look like production. Each exactly.
	NotProduction []string `json:"notProduction"`
	// Path that the target must answer with 2xx, and text of that answer, before anything is sent: "/env staging".
	Canary string `json:"canary"`
	// Lateness of sending (99th percentile) beyond which the run is inconclusive.
	MaxLateness gameday.Duration `json:"maxLateness" jsonschema:"default=100ms"`
	// Share of seconds in which the generator itself was the limit, beyond which the run is inconclusive.
	MaxLimited float64 `json:"maxLimited" jsonschema:"default=0.05,minimum=0.001,maximum=1"`
	// Share of a flow's requests in a phase that may be skipped because an earlier answer of their session failed. Beyond it
	// the run is inconclusive: success rates speak only of what was sent.
	MaxSkipped float64 `json:"maxSkipped" jsonschema:"default=0.25,minimum=0.001,maximum=1"`
	// The same for requests that are dropped because their session is busy.
	MaxDropped float64 `json:"maxDropped" jsonschema:"default=0.75,minimum=0.001,maximum=1"`
}

// Habit is what users do when they see a failure.
type Habit struct {
	// How often they press again.
	Retries int `json:"retries" jsonschema:"minimum=0,maximum=10"`
	// Time between two presses.
	Gap gameday.Duration `json:"gap" jsonschema:"default=2s"`
}

// Filter chooses requests. Of several that allow a method, or several that allow a URL, one has to match; of all others
// every one. Regular expressions (RE2) are searched for, not anchored.
type Filter struct {
	// What it looks at: the method, the target with its query, a header, basic credentials, or a share of the values of a
	// header or a query parameter.
	Kind string `json:"kind" jsonschema:"required,enum=allow-method,enum=allow-url,enum=disallow-url,enum=allow-header,enum=disallow-header,enum=basic-auth,enum=header-limiter,enum=param-limiter"`
	// Name of the header or the query parameter.
	Name string `json:"name"`
	// Regular expression; of allow-method the method itself.
	Match string `json:"match"`
	// Share of the values that passes, for limiters: always the same ones.
	Percent *int `json:"percent" jsonschema:"minimum=0,maximum=100"`
}

// Diff compares the answers, and says how many may differ.
type Diff struct {
	// What they are compared with: the recording, or the URL of a primary that gets the same requests.
	Against string `json:"against" jsonschema:"required"`
	// URL of a second instance of the primary: where the two differ is noise.
	Secondary string `json:"secondary"`
	// Fields that may differ: $.path, $..name, header:name, status or body.
	Ignore []string `json:"ignore"`
	// Fields by which an answer says that it is a fallback: header:X-Source=backup, $.stale=true.
	Fallback []string `json:"fallback"`
	// Promises about the answers of the whole run, such as "wrong <= 0.1%".
	Expect []DiffBound `json:"expect"`
}

// DiffBound is a promise about compared answers: a string such as "wrong <= 0.1%", or its expanded form.
type DiffBound struct {
	// CLASS OP SHARE: identical, noisy, fallback, wrong (errors included) or error, such as "wrong <= 0.1%".
	Expr string `json:"expr" jsonschema:"required"`
	// Flow whose answers count. All when absent.
	Flow string `json:"flow"`
	// What a miss means.
	Severity gameday.Severity `json:"severity" jsonschema:"enum=fail,enum=warn,default=fail"`
}

// Rewrite changes one part of the requests that match. Exactly one of json, header, param and url is given.
type Rewrite struct {
	// HTTP method. Any when absent.
	Method string `json:"method" jsonschema:"enum=GET,enum=HEAD,enum=POST,enum=PUT,enum=PATCH,enum=DELETE,enum=OPTIONS"`
	// Path pattern as in flows. Any when absent.
	Path string `json:"path"`
	// Field of the body, such as $.password.
	JSON string `json:"json"`
	// Name of a header.
	Header string `json:"header"`
	// Name of a query parameter.
	Param string `json:"param"`
	// Regular expression (RE2) in the target: what it finds is replaced, and $1 in the value is its first group. The first rule that
	// matches ends the search.
	URL string `json:"url"`
	// Regular expression (RE2) beside header: only what it finds is replaced, and $1 in the value is its first group.
	Match string `json:"match"`
	// New value. ${$.user} stands for another field of the same body.
	Value string `json:"value" jsonschema:"required"`
}

// Phases are the lengths of the stretches of a run. Traffic flows through all of them.
type Phases struct {
	// Caches and pools fill; nothing is judged.
	Warmup gameday.Duration `json:"warmup" jsonschema:"default=5s"`
	// The steady state before any fault.
	Baseline gameday.Duration `json:"baseline" jsonschema:"default=10s"`
	// Faults happen here. Long enough for all of them when absent, rounded up to a second.
	Fault *gameday.Duration `json:"fault"`
	// The return to normal. When absent 15s, or 10s more than the longest recovery objective.
	Recovery *gameday.Duration `json:"recovery"`
}

// Fault is trouble of one kind, once or again and again.
type Fault struct {
	// Name of the fault: a letter, then letters, digits, - and _.
	Name string `json:"name" jsonschema:"required"`
	// Monkey that brings it about.
	Type   string `json:"type" jsonschema:"required"`
	Target Target `json:"target"`
	// The monkey's own fields.
	With *Raw `json:"with"`
	// Start, counted from the start of the fault phase.
	At gameday.Duration `json:"at"`
	// How long it lasts.
	For gameday.Duration `json:"for" jsonschema:"required"`
	// Mean time between repetitions. The gaps are random by seed; the first fault is at its start.
	Every *gameday.Duration `json:"every"`
	// Shortest time between two starts. As long as the fault lasts when absent, but not more than every.
	MinGap *gameday.Duration `json:"minGap"`
	// When the last repetition has ended, counted as at is. The end of the fault phase when absent.
	Until *gameday.Duration `json:"until"`
	Proof *Proof            `json:"proof"`
	// Time for the effect to be seen, and again for the heal.
	Within gameday.Duration `json:"within" jsonschema:"default=10s"`
}

// Target chooses what a fault acts on. All fields given must match.
type Target struct {
	// Kind of target. When absent it follows from the monkey, or from the other fields.
	Kind gameday.Kind `json:"kind" jsonschema:"enum=instance,enum=link,enum=zone,enum=service,enum=traffic"`
	// Service of the target.
	Service string `json:"service"`
	// Zone of the target.
	Zone string `json:"zone"`
	// Name of one instance.
	Instance string `json:"instance"`
	// Labels of the target.
	Labels map[string]string `json:"labels"`
	// Callers of a link: "order", "order@z3", "@z3", or {service, zone}.
	From *Endpoint `json:"from"`
	// Callees of a link.
	To *Endpoint `json:"to"`
	// How many of the matches. One for instances when absent, else all.
	Mode gameday.Mode `json:"mode" jsonschema:"enum=all,enum=one,enum=count,enum=percent"`
	// How many, for mode count.
	Count *int `json:"count" jsonschema:"minimum=1,maximum=10000"`
	// Share of the healthy matches, for mode percent: at least one is taken.
	Percent *float64 `json:"percent" jsonschema:"minimum=0.01,maximum=100"`
	// Healthy matches that must be left alone.
	MinHealthy int `json:"minHealthy" jsonschema:"minimum=0,maximum=10000"`
	// What an empty selection means.
	Empty string `json:"empty" jsonschema:"enum=fail,enum=skip,default=fail"`
	// Matching instances that appear later come under the fault too.
	Follow bool `json:"follow"`
}

// Endpoint names one side of a link.
type Endpoint struct {
	// Service at this side. Any when absent.
	Service string `json:"service"`
	// Zone of this side. Any when absent.
	Zone string `json:"zone"`
}

// Proof is a condition on metrics that must be seen while the fault lasts.
type Proof struct {
	// Comparison that becomes true.
	PromQL string `json:"promql" jsonschema:"required"`
	// Time for that. 10s when absent, or as long as the fault lasts.
	Within *gameday.Duration `json:"within"`
}

// Assertion is an expectation on metrics over a window of the run.
type Assertion struct {
	// Name of the assertion.
	Name string `json:"name" jsonschema:"required"`
	// Expression. Without expect it is a comparison, and holds when its answer is not empty.
	PromQL string `json:"promql" jsonschema:"required"`
	// What the value must be, such as "== 0" or ">= 1".
	Expect string `json:"expect"`
	// Phase that is the window. Always when neither this nor fault is given.
	During gameday.Phase `json:"during" jsonschema:"enum=baseline,enum=fault,enum=recovery,enum=always"`
	// Fault whose time from injection to heal is the window.
	Fault string `json:"fault"`
	// Cut off at the start of the window.
	After gameday.Duration `json:"after"`
	// End of the window, counted from its start. Its own end when absent.
	Until gameday.Duration `json:"until"`
	// It becomes true within this time and stays. Without it, it holds at every step of the window.
	Within gameday.Duration `json:"within"`
	// It holds at some step of the window.
	Once bool `json:"once"`
	// What a miss means.
	Severity gameday.Severity `json:"severity" jsonschema:"enum=fail,enum=warn,default=fail"`
}

// Ledger counts what was acknowledged to clients against what the system kept.
type Ledger struct {
	// Flow whose success acknowledges.
	Flow string `json:"flow" jsonschema:"required"`
	// Field of the answer that holds the id, such as $.order_id.
	ID string `json:"id" jsonschema:"required"`
	// Service whose admin page lists what is kept.
	Service string `json:"service" jsonschema:"required"`
	// Path of that page.
	Path string `json:"path" jsonschema:"required"`
}

// Abort is a stop condition: when, or promql.
type Abort struct {
	// Condition on a flow, such as "flow.checkout.error_rate > 20% for 10s".
	When string `json:"when"`
	// Condition on metrics, true when its answer is not empty.
	PromQL string `json:"promql"`
	// How long promql must hold. 5s when absent.
	For *gameday.Duration `json:"for"`
}

// Outputs are files written besides the run directory, relative to where gameday is called.
type Outputs struct {
	// HTML report.
	Report string `json:"report"`
	// JUnit XML.
	JUnit string `json:"junit"`
}
