package passive

import (
	"bytes"
	"cmp"
	"errors"

	"golang.org/x/net/http2/hpack"

	"github.com/gameday-dev/gameday/replay"
)

const (
	tableDefault = 4096     // bytes of the table of header fields (RFC 7541, section 4.2), unless the other end allows more
	tableMax     = 64 << 10 // the most that is kept; browsers allow so much
	entryMin     = 32       // bytes of an empty entry
)

// h2block puts together and decodes blocks of header fields of one side, one after the other. Fields refer to a table of
// earlier ones. Where not all of those were captured the table is filled with fields without a name, which are none: what refers
// to them is not known, and what does not is. The places of new entries are right either way, for they count from the newest.
type h2block struct {
	decoder *hpack.Decoder
	whole   bool // all that is in the table was captured

	stream   uint32
	promised uint32
	first    int64 // time of its first byte
	last     bool  // nothing follows on the stream

	fields replay.Header
	size   int
	fault  string // why the block cannot be used
	dead   bool   // nor can what follows it, before the table is forgotten
}

// forget is called when nothing is known any more of what is in the table.
func (b *h2block) forget() {
	b.decoder, b.whole = nil, false
	b.close()
}

// fresh makes a table: an empty one, or one of which nothing is known.
func (b *h2block) fresh() {
	b.decoder = hpack.NewDecoder(tableDefault, b.field)
	b.decoder.SetAllowedMaxDynamicTableSize(tableMax)
	b.decoder.SetMaxStringLength(headMax)
	if b.whole {
		return
	}
	b.decoder.SetEmitEnabled(false)
	nameless := []byte{0x40, 0, 0} // "literal with incremental indexing": nothing, with the value nothing
	_, _ = b.decoder.Write(bytes.Repeat(nameless, tableDefault/entryMin))
	_ = b.decoder.Close()
}

// open reports whether a block is under way.
func (b *h2block) open() bool { return b.stream != 0 }

func (b *h2block) begin(stream uint32, first int64, last bool) {
	if b.decoder == nil {
		b.fresh()
	}
	b.stream, b.first, b.last = stream, first, last
	b.decoder.SetEmitEnabled(true)
}

// write takes the next bytes of a block.
func (b *h2block) write(fragment []byte) {
	if b.dead {
		return
	}
	if _, err := b.decoder.Write(fragment); err != nil {
		b.spoil(err)
	}
}

// end is the end of a block, which is valid until close.
func (b *h2block) end() {
	if err := b.decoder.Close(); err != nil && !b.dead {
		b.spoil(err)
	}
	if b.dead {
		b.decoder, b.whole = nil, false
	}
}

// close is the end of what is known of a block.
func (b *h2block) close() {
	b.stream, b.promised, b.fields, b.size, b.fault, b.dead = 0, 0, nil, 0, "", false
}

// spoil notes that the block, and the table, cannot be read any further.
func (b *h2block) spoil(err error) {
	b.dead = true
	switch {
	case b.fault != "":
	case errors.Is(err, hpack.ErrStringLength):
		b.fault = replay.LostLimit
	case b.whole:
		b.fault = replay.LostParse
	default:
		b.fault = LostTable
	}
}

// field takes one.
func (b *h2block) field(f hpack.HeaderField) {
	b.size += len(f.Name) + len(f.Value) + entryMin
	switch {
	case f.Name == "" && b.whole:
		b.fault = cmp.Or(b.fault, replay.LostParse)
	case f.Name == "":
		b.fault = cmp.Or(b.fault, LostTable)
	case b.size > headMax || len(b.fields) == fieldsMax:
		b.fault = cmp.Or(b.fault, replay.LostLimit)
		b.decoder.SetEmitEnabled(false)
	default:
		b.fields = append(b.fields, replay.Field{Name: f.Name, Value: f.Value})
	}
}
