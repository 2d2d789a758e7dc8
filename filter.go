package gameday

// The kinds of Filter. Of several that allow a method, or several that allow a URL, one has to match; of all others
// every one. Regular expressions are searched for, not anchored.
const (
	AllowMethod    = "allow-method"    // Match is the method
	AllowURL       = "allow-url"       // Match is searched in the target: "/search?q=tea"
	DisallowURL    = "disallow-url"    // same, and leaves out what matches
	AllowHeader    = "allow-header"    // Match is searched in the header Name; a request without it is left out
	DisallowHeader = "disallow-header" // same, and leaves out what matches
	BasicAuth      = "basic-auth"      // Match is searched in user:password of basic credentials; requests without any pass
	HeaderLimiter  = "header-limiter"  // Percent of the values of the header Name pass, always the same; requests without it pass
	ParamLimiter   = "param-limiter"   // same for the query parameter Name
)

// A Filter chooses requests. What it leaves out is counted by its text.
type Filter struct {
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`    // of a header or a query parameter
	Match   string `json:"match,omitempty"`   // regular expression (RE2)
	Percent int    `json:"percent,omitempty"` // of a limiter, 0 to 100
}
