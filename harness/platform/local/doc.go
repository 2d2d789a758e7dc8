// Package local runs a topology as real processes on this machine: every instance on a loopback address
// of its own, in zones with distances, restarted by policy, scaled on request, behind a link proxy.
//
// [Up] starts a [Topology] under a [Supervisor], which serves a control API on 127.0.0.1. [Client] is the
// platform that monkeys see and does everything through that API, whether the supervisor lives in the
// same process or in another one that keeps the topology up.
//
//	monkey -> Client -> control API -> Supervisor -> processes: SIGKILL, SIGSTOP, start, drain
//	                                            '--> link proxy: latency, cut, black hole
//
// Everything that is held for a fault has a deadline and a lease. When either passes the supervisor lets
// go by itself. Instances die with the supervisor, even when that is killed.
//
// The package needs Linux. See Example for a topology that is started, found and stopped.
package local
