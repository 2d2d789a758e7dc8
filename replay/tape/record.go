package tape

import "errors"

// Kinds of records in a data frame. A reader steps over kinds it does not know.
const (
	recordExchange = 1
	recordGap      = 2
	recordMessage  = 3
	recordBeats    = 4 // of the exchange before it in the frame
)

// Bits of an exchange record.
const (
	bitShape = 1 << iota
	bitResponse
	bitCut
	bitTrailer
	bitResponseTrailer
	bitBodyElsewhere // a reference stands for the body, see shelf
	bitResponseBodyElsewhere
)

// tableMax bounds the string table of a frame, tableString what goes into it: names, hosts,
// user agents and cookies repeat, long values do not.
const (
	tableMax    = 8192
	tableString = 256
)

// exchangeMin is less than any exchange takes in a frame.
const exchangeMin = 12

var errRecord = errors.New("malformed record")
