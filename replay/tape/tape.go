// Package tape stores captured exchanges on disk.
//
// A tape is one append-only file of compressed frames. Each frame carries its own checksums,
// time range, record count and set of sessions, and can be decoded without its neighbours, but for large bodies that
// stood in a frame before: those are stored once. So a
// tape that was cut by a kill -9 is readable up to its last whole frame, a damaged frame costs its
// own records and no others, and a reader finds any moment by binary search, and any session by
// the sets, in constant memory. Frames may be encrypted for age recipients: that changes nothing
// of this. docs/formats.md describes every byte.
//
//	capture -> Writer -> [magic][meta][data][data]...[ledger][index][footer] -> Reader -> player
//
// A Writer is a replay.Recorder and replay.Bookkeeper, a Reader is a replay.Source; see the
// package example for the round trip.
package tape

import (
	"hash/crc32"
	"time"
)

// Version is the format version this package writes, the last byte of the file's magic. It reads
// all versions since the first.
const Version = 3

// Limits of the format. A reader refuses what is over them before it allocates.
const (
	FrameSize  = 1 << 20  // a frame is closed once its records take this many bytes
	RecordMax  = 32 << 20 // one record: an exchange with both bodies
	frameMax   = FrameSize + RecordMax + 16
	metaMax    = 1 << 20 // metadata and ledger, JSON
	stringMax  = 1 << 20 // a header value, a target, a session name
	headersMax = 1 << 12 // header lines of one message
)

// Defaults of Options.
const (
	DefaultFlush = 100 * time.Millisecond // what a kill -9 can cost at most
	DefaultSync  = time.Second            // what a power cut can cost at most
)

const (
	fileMagic   = "GDTAPE\x00" // then the version byte
	frameMagic  = "GDFR"
	footerMagic = "GDTAPEND"
)

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// Meta says where a tape comes from.
type Meta struct {
	Created   time.Time `json:"created"`
	Start     time.Time `json:"start"`                // wall time of offset zero
	Source    string    `json:"source,omitempty"`     // "proxy 127.0.0.1:8000 -> 127.0.0.1:8080", a file name
	Tool      string    `json:"tool,omitempty"`       // what wrote it, with version
	Redaction string    `json:"redaction,omitempty"`  // id of the redaction policy; empty means nothing was redacted
	ShapeOnly bool      `json:"shape_only,omitempty"` // made of a log: no headers, no bodies
	Timeless  bool      `json:"timeless,omitempty"`   // the source held no times: they are made up
}
