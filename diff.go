package gameday

import "slices"

// DiffClass is how an answer compares with what it should have been.
type DiffClass string

// The classes of answers that were compared.
const (
	DiffIdentical DiffClass = "identical" // but for what is ignored, and for values that each system makes up
	DiffNoisy     DiffClass = "noisy"     // only in what differs by itself
	DiffFallback  DiffClass = "fallback"  // a declared one
	DiffWrong     DiffClass = "wrong"
	DiffError     DiffClass = "error" // a failure where there was none
)

// DiffClasses lists the classes in the order of reports.
var DiffClasses = [...]DiffClass{DiffIdentical, DiffNoisy, DiffFallback, DiffWrong, DiffError}

// DiffPlan says what the answers of a replay are compared with: with the recording, or with those of a primary.
type DiffPlan struct {
	Recording bool        `json:"recording,omitempty"`
	Primary   string      `json:"primary,omitempty"`   // URL of a system that gets the same requests, and is right
	Secondary string      `json:"secondary,omitempty"` // URL of a second instance of the primary, whose differences from it are noise
	Ignore    []string    `json:"ignore,omitempty"`    // fields that may differ: "$.path", "$..name", "header:name", "status", "body"
	Fallback  []string    `json:"fallback,omitempty"`  // fields by which an answer says that it is a fallback: "$.stale=true"
	Bounds    []DiffBound `json:"bounds,omitempty"`
}

// Wanted reports whether anything is compared.
func (p DiffPlan) Wanted() bool { return p.Recording || p.Primary != "" }

// DiffBound is a promise about how many of the compared answers are of a class, over the whole run.
type DiffBound struct {
	Text     string    `json:"text"`           // as written: "wrong <= 0.1%"
	Flow     string    `json:"flow,omitempty"` // all when empty
	Class    DiffClass `json:"class"`
	Op       string    `json:"op"`
	Limit    float64   `json:"limit"` // from 0 to 1
	Severity Severity  `json:"severity"`
	Source   string    `json:"source,omitempty"` // file:line
}

// Diff says how the answers of a replay compare with others.
type Diff struct {
	Against     string              `json:"against"`         // "recording", or the URL of the primary
	Noise       string              `json:"noise,omitempty"` // URL of the secondary, whose differences from the primary are noise
	Compared    int64               `json:"compared"`
	NotCompared map[string]int64    `json:"not_compared,omitempty"` // answers, by cause
	Classes     map[DiffClass]int64 `json:"classes"`
	Routes      []DiffRoute         `json:"routes"`
}

// DiffRoute is what was compared of one flow, or of one route where no flow matches.
type DiffRoute struct {
	Route   string              `json:"route"` // name of the flow, or "GET /products/{}"
	Classes map[DiffClass]int64 `json:"classes"`
	Fields  []DiffField         `json:"fields,omitempty"` // that differed: wrong ones first, then by count
}

// DiffField is one place in the answers of a route that differed.
type DiffField struct {
	Path     string        `json:"path"` // "status", "header:name", "body", or the path of a JSON value: "$.items[*].price"
	Kind     string        `json:"kind"` // value, type, missing, added, length or order
	Count    int64         `json:"count"`
	Noise    int64         `json:"noise,omitempty"`    // how often primary and secondary differed there
	Noisy    string        `json:"noisy,omitempty"`    // why it does not count; empty for what is wrong
	Examples []DiffExample `json:"examples,omitempty"` // a few, redacted
}

// DiffExample is one difference.
type DiffExample struct {
	At      Duration `json:"at"`      // due
	Request string   `json:"request"` // method and path
	Trace   string   `json:"trace,omitempty"`
	Want    string   `json:"want"`
	Got     string   `json:"got"`
}

// Wrong is the share of compared answers that are wrong or errors; 0 when none was compared.
func (d *Diff) Wrong() float64 {
	share, _ := d.Share("", DiffWrong)
	return share
}

// Share is the share of the compared answers of a flow, or of all when it is empty, that are of a class, and how many
// were compared; errors are wrong, too. Without any compared it is 0.
func (d *Diff) Share(flow string, class DiffClass) (share float64, compared int64) {
	classes, compared := d.Classes, d.Compared
	if flow != "" {
		classes, compared = nil, 0
		if i := slices.IndexFunc(d.Routes, func(r DiffRoute) bool { return r.Route == flow }); i >= 0 {
			classes = d.Routes[i].Classes
		}
		for _, n := range classes {
			compared += n
		}
	}
	of := classes[class]
	if class == DiffWrong {
		of += classes[DiffError]
	}
	return float64(of) / float64(max(compared, 1)), compared
}
