// Package gameday is the vocabulary of a resilience and chaos testing harness with traffic replay:
// the nouns that its parts exchange and the contracts between them. It imports only the standard
// library and does nothing by itself.
//
//	TRAFFIC     capture -> redact -> tape -> player ------- results -----.
//	                                           |                         v
//	                                           v                  run directory --> judge --> reports
//	SYSTEM                        platform: the system under test    ^      ^
//	                                           ^ Inject Verify Heal  |      '-- metrics (scrape, PromQL)
//	EXPERIMENT  scenario -> plan -> timeline -> monkeys              |
//	                                   '------------- events --------'
//
// A scenario compiles to a [Plan]. The harness walks the plan's [Step] list, asks a [Monkey] to
// prepare a [Fault], writes it to the journal as an [Event], and only then lets the monkey change the
// [Platform]. Meanwhile a [Load] replays traffic and reports one [Slice] per flow and second. When all
// is healed, every [Assertion] judges the recorded [Run], and the findings fold into one [Verdict].
//
// Times in records are offsets from the start of the run; wall time lives only in [Meta].
package gameday
