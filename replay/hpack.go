package replay

import "bytes"

// Fields of the static table of RFC 7541, appendix A, that stand in requests whole.
const (
	fieldGET       = 2
	fieldPOST      = 3
	fieldRoot      = 4 // the path /
	fieldHTTP      = 6
	fieldHTTPS     = 7
	nameAuthority  = 1
	nameMethod     = 2
	namePath       = 4
	nameLength     = 28
	noTable        = 0x20 // the dynamic table has room for 0 bytes
	fieldIndexed   = 0x80
	fieldLiteral   = 0x10 // that nobody on the way may put into a table
	fieldOverhead  = 32   // that RFC 9113 counts for each field of a list
	literalPrefix  = 15   // the largest number in 4 bits
	stringPrefix   = 127  // and in 7
	requestVersion = " HTTP/1.1"
)

// appendFields appends the header of a request in the form of HTTP/1.1 as HTTP/2 has it, in the encoding of RFC 7541
// without any state, and writes its names in lower case over those in raw. What belongs to a connection is left out,
// and the length of a body that is sent by and by.
// It returns the size of the list, as RFC 9113 counts it, and the body.
func appendFields(to, raw []byte, https, rpc, timed bool) (_ []byte, list int, body []byte) {
	line, rest := cutLine(raw)
	method, target, _ := bytes.Cut(line, []byte(" "))
	target = bytes.TrimSuffix(target, []byte(requestVersion))
	host, rest := cutLine(rest)
	_, authority, _ := bytes.Cut(host, []byte(": "))
	switch string(method) {
	case "GET":
		to = append(to, fieldIndexed|fieldGET)
	case "POST":
		to = append(to, fieldIndexed|fieldPOST)
	default:
		to = appendString(append(to, fieldLiteral|nameMethod), method)
	}
	if https {
		to = append(to, fieldIndexed|fieldHTTPS)
		list++
	} else {
		to = append(to, fieldIndexed|fieldHTTP)
	}
	to = appendString(append(to, fieldLiteral|nameAuthority), authority)
	if len(target) == 1 && target[0] == '/' {
		to = append(to, fieldIndexed|fieldRoot)
	} else {
		to = appendString(append(to, fieldLiteral|namePath), target)
	}
	list += len(":method:scheme:authority:pathhttp") + len(method) + len(authority) + len(target) + 4*fieldOverhead
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		lower(name)
		index, kept := nameIndex(name)
		if !kept || timed && index == nameLength {
			continue
		}
		value = bytes.Trim(value, " \t")
		to = appendField(to, index, name, value)
		list += len(name) + len(value) + fieldOverhead
	}
	if rpc {
		to = appendField(to, 0, []byte("te"), []byte("trailers"))
		list += len("tetrailers") + fieldOverhead
	}
	return to, list, rest
}

// cutLine cuts the first line off, without its end.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

func lower(name []byte) {
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
}

// appendField appends a field with its name from the static table; with index 0 as it is.
func appendField(to []byte, index byte, name, value []byte) []byte {
	switch {
	case index == 0:
		to = appendString(append(to, fieldLiteral), name)
	case index < literalPrefix:
		to = append(to, fieldLiteral|index)
	default:
		to = append(to, fieldLiteral|literalPrefix, index-literalPrefix)
	}
	return appendString(to, value)
}

// appendString appends a string as it is: Huffman coding would cost both sides more than the bytes that it saves.
func appendString[T string | []byte](to []byte, text T) []byte {
	n := len(text)
	if n < stringPrefix {
		return append(append(to, byte(n)), text...)
	}
	to = append(to, stringPrefix)
	for n -= stringPrefix; n >= 0x80; n >>= 7 {
		to = append(to, byte(n)|0x80)
	}
	return append(append(to, byte(n)), text...)
}

// nameIndex returns where the name of a request's field stands in the static table of RFC 7541, appendix A, 0 when it does not; and whether
// HTTP/2 has it at all (RFC 9113, 8.2.2).
func nameIndex(name []byte) (index byte, kept bool) {
	switch string(name) {
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings", "host", "te":
		return 0, false
	case "accept-charset":
		return 15, true
	case "accept-encoding":
		return 16, true
	case "accept-language":
		return 17, true
	case "accept":
		return 19, true
	case "authorization":
		return 23, true
	case "cache-control":
		return 24, true
	case "content-encoding":
		return 26, true
	case "content-length":
		return nameLength, true
	case "content-type":
		return 31, true
	case "cookie":
		return 32, true
	case "if-match":
		return 39, true
	case "if-modified-since":
		return 40, true
	case "if-none-match":
		return 41, true
	case "range":
		return 50, true
	case "referer":
		return 51, true
	case "user-agent":
		return 58, true
	case "via":
		return 60, true
	}
	return 0, true
}
