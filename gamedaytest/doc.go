// Package gamedaytest runs game days from `go test`.
//
// [Run] carries out a scenario file on a topology of processes, as `gameday run` does; [Files] does so for every
// scenario of a folder. A [Case] is a game day on a system that the test has started itself: [Proxy] stands in front
// of a dependency, a generated load or a recording ([Replay]) goes to the system, a fault acts on the proxy, and promises
// are judged.
//
//	func TestCheckoutSurvivesASlowDatabase(t *testing.T) {
//		db := gamedaytest.Proxy(t, "postgres", os.Getenv("PG_ADDR"))
//		app := startCheckout(t, db.Addr())
//		gamedaytest.Case{
//			Flows: []gamedaytest.Flow{{
//				Name: "checkout", Method: "POST", URL: app.URL + "/checkout", Body: `{"cart":1}`, Rate: 200,
//				SLO: []string{"p99 <= 300ms", "error_rate <= 1%", "recovery <= 2s"},
//			}},
//			Faults: []gamedaytest.Fault{{
//				Monkey: &monkeys.Latency{Delay: gameday.Duration(200 * time.Millisecond)}, On: db, For: 2 * time.Second,
//			}},
//		}.Run(t)
//	}
//
// Both go through the same machinery as the command: the fault is in the journal before it is injected, it is measured
// to be in effect and measured to be gone, latency counts from when a request was due, and the verdict is one of
// PASS, FAIL, INCONCLUSIVE, ABORTED, ERROR and LEAKED. Only PASS passes the test. INCONCLUSIVE fails it, because a
// fault that did not bite, a link that nobody used or a load generator that was late prove nothing; LEAKED fails it,
// because a fault that is still open at the end is an outage.
//
// The run directory, with its report.html, lies in the test's ArtifactDir, which `go test -artifacts -outputdir DIR`
// keeps. The attributes gameday.verdict and gameday.seed appear in the output of `go test -v` and `-json`. What
// happens while it lasts is in the log of `go test -v`.
//
// In-process cases need no root, no container and no topology, and work wherever Go does; they may run in parallel.
// See [Case] for an example.
package gamedaytest
