package scenarios

// Code names a kind of problem. Codes are stable: a meaning never moves to another number.
type Code struct {
	ID     string // GD1007
	Title  string // what is wrong, in a few words
	Remedy string // what to do, in a sentence or two
}

// The codes.
const (
	codeSyntax    = "GD1001"
	codeLimit     = "GD1002"
	codeDocument  = "GD1003"
	codeYAML      = "GD1004"
	codeMissing   = "GD1005"
	codeType      = "GD1006"
	codeField     = "GD1007"
	codeTwice     = "GD1008"
	codeDuration  = "GD1009"
	codeRange     = "GD1010"
	codeWord      = "GD1011"
	codeName      = "GD1012"
	codeDuplicate = "GD1013"
	codeConflict  = "GD1014"
	codeText      = "GD1015"
	codeSLO       = "GD1020"
	codeAbort     = "GD1021"
	codePromQL    = "GD1022"
	codeExpect    = "GD1023"
	codeDiff      = "GD1024"
	codeParameter = "GD1030"
	codeValue     = "GD1031"
	codeFlow      = "GD1040"
	codeService   = "GD1041"
	codeZone      = "GD1042"
	codeMonkey    = "GD1043"
	codeFault     = "GD1044"
	codeEntry     = "GD1045"
	codeTopology  = "GD1046"
	codeRecording = "GD1047"
	codeTime      = "GD1050"
	codeMonkeyUse = "GD1060"
)

// Codes lists every code in order.
func Codes() []Code {
	return []Code{
		{codeSyntax, "not YAML", "Correct the text at the caret: mostly the indentation, a missing colon or a missing quote."},
		{codeLimit, "too large", "A scenario has at most 256 KiB, 20000 values after aliases, 32 levels and 100 faults and flows each. Split it."},
		{codeDocument, "not a scenario", "A file holds one document that begins with apiVersion: gameday/v1 and kind: Scenario."},
		{codeYAML, "YAML that scenarios do not use", "Write fields out instead of merge keys (<<), complex keys and custom tags."},
		{codeMissing, "missing field", "Add the field."},
		{codeType, "wrong type", "Give a value of the named type. Quote text that looks like a number."},
		{codeField, "unknown field", "Correct the spelling, or delete the field. `gameday schema` prints all fields."},
		{codeTwice, "repeated field", "Keep one of the two."},
		{codeDuration, "bad duration", "Write a number and a unit, such as 150ms, 30s, 5m or 2d. Durations are not negative, and at most 7d."},
		{codeRange, "number out of range", "Choose a number within the bounds."},
		{codeWord, "unknown word", "Choose one of the listed words."},
		{codeName, "bad name", "Names begin with a letter, then letters, digits, - and _, at most 63."},
		{codeDuplicate, "duplicate", "Give each its own name, or keep one."},
		{codeConflict, "fields that do not go together", "Keep the fields that say what is meant."},
		{codeText, "bad URL, path or pattern", "Follow the form in the message."},
		{codeSLO, "bad objective", "Write METRIC OP LIMIT, such as p99 <= 300ms, error_rate <= 1%, rate >= 50/s or recovery <= 60s."},
		{codeAbort, "bad stop condition", "Write flow.NAME.METRIC OP LIMIT for DURATION, such as flow.checkout.error_rate > 20% for 10s."},
		{codePromQL, "bad PromQL", "Correct the expression at the caret."},
		{codeExpect, "bad expectation", "Write a comparison with a number, such as == 0 or >= 1."},
		{codeDiff, "bad promise about answers", "Write CLASS OP SHARE, such as wrong <= 0.1%; the classes are identical, noisy, fallback, wrong and error."},
		{codeParameter, "unknown parameter", "Declare it under spec.parameters, or correct the spelling. $${ writes a plain ${."},
		{codeValue, "bad parameter value", "Give a value of the parameter's type, as its default or with --set NAME=VALUE."},
		{codeFlow, "unknown flow", "Name one of spec.flows."},
		{codeService, "unknown service", "Name a service of the topology."},
		{codeZone, "unknown zone", "Name a zone of the topology."},
		{codeMonkey, "unknown monkey", "`gameday monkeys` lists the types of faults."},
		{codeFault, "unknown fault", "Name one of spec.faults."},
		{codeEntry, "unknown entry", "Name an entry of the topology, or give a URL that begins with http:// or https://."},
		{codeTopology, "unreadable topology", "Correct the path, which is relative to the scenario file, or the topology itself."},
		{codeRecording, "missing recording", "Correct the path, which is relative to the scenario file."},
		{codeTime, "impossible time", "Change the times so that the inner one fits into the outer one."},
		{codeMonkeyUse, "bad field of a monkey", "`gameday monkeys NAME` prints the fields."},
	}
}
