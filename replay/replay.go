// Package replay plays recorded traffic: the same requests, in the same order within each session and at the
// same distances, against a system that may be slow, broken or gone.
//
//	tape -> feed (copies, identities, bytes) -> shards (due times, sessions, connections) -> ledger -> slices
//
// A [Source] yields an [Exchange] at a time; a [Player] makes a request of it, learns from the recorded response which
// values the system will hand out anew, and sends it when it is due. Due times are a function of the tape, the plan
// and the seed, never of the answers. What cannot be sent waits with its latency running, and what never was sent is
// counted, by cause.
//
// A shard is one thread that waits for due times and sockets together, writes requests that were serialised ahead of
// time, and reads the answers with a parser of its own: HTTP/1.1, with or without TLS, over TCP or a Unix socket.
// HTTP/2 and gRPC go over few connections that the requests of a shard share, as frames that it writes and reads itself.
// A WebSocket has a connection and two goroutines of its own, and on systems other than Linux everything goes by net/http;
// the results say how many did.
//
// The package also holds what captures exchange with it: Recorder, Gap and Counts. See the example of [Player].
package replay
