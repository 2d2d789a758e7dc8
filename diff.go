package gameday

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
	return float64(d.Classes[DiffWrong]+d.Classes[DiffError]) / float64(max(d.Compared, 1))
}
