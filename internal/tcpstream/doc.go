// Package tcpstream turns captured packets into the two byte streams of each TCP connection.
//
//	packet -> decode (link, IP, TCP) -> connection -> half: order, trim, wait -> Handler
//
// It watches; it never answers. So it cannot ask for what the capture missed, and must tell a segment
// that is late from one that will never come. It goes by what the ends say: bytes that the other end
// acknowledged and that do not come within Options.Patience were missed by the capture and become a
// [Gap]; bytes that nobody acknowledged will be sent again.
//
// Streams are delivered in the order of cause: data whose sender had already received so much of the other
// stream is delivered after that much of it. A response is never seen before its request, however
// the packets were shuffled on their way to the capture. Only a memory limit breaks that order.
//
// Time is the packets' own, so a file gives the same result whenever it is read. Every payload byte is counted
// once in [Stats]. See the example of [Assembler].
package tcpstream
