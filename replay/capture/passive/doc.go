// Package passive captures HTTP/1.x, and HTTP/2 in plain text, from bytes as they pass: in packets of a network interface while it
// works, or of a pcap file, and through a relay that stands in front of a service.
//
//	Interface --.                                       .-> conn: requests wait for their responses
//	            +-> Packets -> tcpstream -> [2]reader --+                |
//	File -------'                             |   |     '----------------+-> capture.Intake -> tape
//	client <-> Relay <-> service -------------'   '-> h2conn: streams ---'
//
// Nothing that passes is changed, and nothing is sent. What the packets do not tell is not
// guessed: a request that is not whole is lost and counted, a response that cannot be told to belong to a request with
// certainty is left out, and each stretch that is missing becomes a gap record with its cause. Every
// byte that packets carried is in the ledger under what became of it.
//
// A [Watch] does it all for packets, see its example; a [Relay] for connections.
package passive
