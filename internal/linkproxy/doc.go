// Package linkproxy forwards TCP connections between the processes of a topology, and is where the
// network between them is slowed, cut and counted.
//
// Every process has a loopback address of its own. Callers dial its public port, where the proxy
// listens; the proxy knows the caller by its source address, the callee by the listener, and forwards
// to the callee's private port from the caller's own address, so that both ends see each other.
//
//	caller 127.1.10.1 --> 127.3.8.2:8080 [proxy: rules, counters] --> 127.3.8.2:8081 callee
//
// A connection without a rule is copied as it comes. One with a rule, or with a standing latency
// between zones, runs through a pipe per direction: a line that holds chunks back for their latency, and
// Toxiproxy's toxics for the rest. [Proxy.SetRules] acts on
// established connections as well as on new ones.
//
// [Proxy.Expose] shows what was seen as gameday_link_* series: the truth about who called whom,
// whatever the processes say of themselves. See ExampleProxy.
package linkproxy
