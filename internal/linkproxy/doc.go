// Package linkproxy forwards TCP connections between the processes of a topology, and is where the
// network between them is slowed, cut and counted.
//
// Every process has a loopback address of its own. Callers dial its public port, where the proxy
// listens; the proxy knows the caller by its source address, the callee by the listener, and forwards
// to the callee's private port from the caller's own address, so that both ends see each other.
//
//	caller 127.1.10.1 --> 127.3.8.2:8080 [proxy: rules, counters] --> 127.3.8.2:8081 callee
//
// A connection without a rule is copied as it comes, and one with a latency, of a rule or between zones, is held back for
// it: on Linux by a loop, which carries many connections on one goroutine. What other rules ask for, or all where there
// is no epoll, is done by a goroutine and a pipe per direction: a line that holds chunks back for their latency, and
// Toxiproxy's toxics for the rest. [Proxy.SetRules] acts on established connections as well as on new ones; one that has
// left its loop for toxics does not come back.
//
// A latency is never cut short. What a loop holds back goes on at most 50 µs late, beside what the machine itself is late.
//
// [Proxy.Carry] forwards a connection of somebody else's by the same loops, for a [Watcher] that reads what passes.
//
// [Proxy.Expose] shows what was seen as gameday_link_* series: the truth about who called whom,
// whatever the processes say of themselves. See ExampleProxy.
package linkproxy
