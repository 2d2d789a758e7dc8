package main

// designation says which assertion of which scenario must fail when a mutant is planted.
type designation struct{ mutant, bug, scenario, assertion string }

var designations = []designation{
	{"M096", "no zone affinity", "steady", "A100"},

	{"M029", "limiter off", "promotion-flood", "A41"},
	{"M030", "throttles everybody", "promotion-flood", "A42"},
	{"M031", "all callers share one key", "promotion-flood", "A42"},
	{"M034", "waits instead of rejecting", "promotion-flood", "A44"},
	{"M035", "never refills", "promotion-flood", "A45"},
	{"M037", "limits after the work", "promotion-flood", "A44"},

	{"M001", "breaker never opens", "recommendation-down", "A10"},
	{"M002", "breaker never closes", "recommendation-down", "A14"},
	{"M003", "probe keeps its permit", "recommendation-down", "A14"},
	{"M004", "half-open lets all through", "recommendation-down", "A14"},
	{"M010", "one breaker for all dependencies", "recommendation-down", "A10"},
	{"M011", "a breaker per request", "recommendation-down", "A10"},
	{"M042", "optional dependency is critical", "recommendation-down", "place_order success_rate"},
	{"M043", "fallback calls the dead dependency", "recommendation-down", "A57"},
	{"M044", "fallback never ends", "recommendation-down", "A58"},
	{"M046", "fallback panics", "recommendation-down", "place_order success_rate"},

	{"M007", "breaker is blind to slow calls", "latency-monkey", "A10"},
	{"M008", "late answers close the breaker", "latency-monkey", "A16"},
	{"M013", "no bulkhead", "latency-monkey", "A20"},
	{"M014", "one pool for all dependencies", "latency-monkey", "A21"},
	{"M015", "permits leak on error", "latency-monkey", "A23"},
	{"M017", "no timeout", "latency-monkey", "A25"},
	{"M019", "attempts exceed the call's deadline", "latency-monkey", "A26"},
	{"M070", "scales on a dependency's latency", "latency-monkey", "A82"},
	{"M078", "ejects all", "latency-monkey", "A92"},

	{"M005", "breaker opens on one error", "chaos-monkey", "A15"},
	{"M026", "retries on the same instance", "chaos-monkey", "A35"},
	{"M073", "never evicts", "chaos-monkey", "A85"},
	{"M077", "callers do not eject", "chaos-monkey", "A86"},
	{"M088", "polls every 30 s", "chaos-monkey", "A88"},

	{"M022", "retries without a budget", "thundering-herd", "A30"},
	{"M136", "retries counted as requests", "thundering-herd", "A164"},

	{"M072", "evicts everybody in a partition", "registry-partition", "A89"},
	{"M075", "accepts an empty list", "registry-partition", "A90"},
	{"M080", "does not register again", "registry-partition", "A85"},

	{"M095", "own zone or nothing", "registry-partition", "A01"},
	{"M097", "spills onto one neighbour", "registry-partition", "A102"},
	{"M099", "returns without a ramp", "registry-partition", "A103"},
	{"M119", "acknowledges before it stores", "zone-outage", "ledger"},

	{"M064", "never scales down", "scale-out", "A78"},
	{"M065", "counts no starting instances", "scale-out", "A75-never-more"},
	{"M067", "counts new instances as ready, but not their load", "scale-out", "A75"},
	{"M068", "no slow start", "scale-out", "A81-new"},
	{"M071", "averages five minutes", "scale-out", "A75"},
	{"M076", "callers never refresh their list", "scale-out", "A96"},
}
