package replay

import "time"

// A Message is one message of a connection that was switched to another protocol, such as a WebSocket. The
// exchange that switched it stands for the conversation: its response has status 101.
type Message struct {
	Exchange uint64 // Seq of the exchange that opened the conversation
	Session  string // of that exchange

	At         time.Duration // last byte of the message, since the start of the source
	FromServer bool          // direction
	Kind       MessageKind

	Body []byte // unmasked, put together from its fragments, decompressed
	Size int64  // how many bytes it had; larger than len(Body) when it was over the limit of the capture
}

// A MessageKind says how the receiver is to read a message. The values are the opcodes of RFC 6455.
type MessageKind uint8

// Kinds of messages. Pings and pongs belong to the connection and are no messages.
const (
	TextMessage   MessageKind = 1
	BinaryMessage MessageKind = 2
	CloseMessage  MessageKind = 8 // two bytes of status, then a reason in text; or empty
)

// Truncated reports whether the source holds less of the message than was sent.
func (m *Message) Truncated() bool { return m.Size > int64(len(m.Body)) }

// A Messenger is a Recorder that keeps messages too. Callers find the ability by assertion.
type Messenger interface {
	// Message stores one message and keeps no reference to it. Its exchange was recorded before.
	Message(m *Message) error
}
