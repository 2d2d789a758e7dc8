// Package mark signs the mark that every replayed request carries, and reads it again.
//
// A mark says to which run a request belongs, when it was due, for how long it may be taken, and which guarded
// services it has passed. The signature (HMAC-SHA256, cut to 16 bytes) covers all of that, the method and the host:
// a mark that was copied to another request is worth nothing, and neither is a request that lay in a queue.
//
//	X-Gameday-Replay: peak-2026-11
//	X-Gameday-Mark: 1.<sequence>.<issued, Unix ms>.<life, ms>.<service~service>.<signature>
//
// The numbers are hexadecimal, the signature is base64url without padding.
package mark

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The headers of a replayed request.
const (
	Colour     = "X-Gameday-Replay" // the run
	Header     = "X-Gameday-Mark"
	Member     = "gameday"     // of tracestate
	BaggageKey = "gameday.run" // of baggage
)

// The limits of what is read.
const (
	KeyMin  = 16 // bytes
	ViaMax  = 16 // services passed
	nameMax = 64
	textMax = 2 << 10
	sumSize = 16 // bytes of the signature
)

// version is the first field of a mark, and signed with it.
const version = "1"

// Why a mark is refused. Errors of Verify wrap one of them.
var (
	ErrMalformed = errors.New("malformed mark")
	ErrSignature = errors.New("mark without a valid signature")
	ErrExpired   = errors.New("expired mark")
)

// A Mark is what the header says, beside the run.
type Mark struct {
	Sequence uint64
	Issued   time.Time // to the millisecond
	Life     time.Duration
	Via      []string // guarded services that passed it on, in order
}

// Expires returns when the mark is no longer taken.
func (m Mark) Expires() time.Time { return m.Issued.Add(m.Life) }

// A Signer signs with one key. It may be used by several goroutines.
type Signer struct{ macs sync.Pool }

type state struct {
	mac  hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// NewSigner returns a signer, or says why the key is no good.
func NewSigner(key []byte) (*Signer, error) {
	if len(key) < KeyMin {
		return nil, fmt.Errorf("key of %d bytes is too short to resist guessing: give at least %d", len(key), KeyMin)
	}
	key = append([]byte(nil), key...)
	return &Signer{sync.Pool{New: func() any { return &state{mac: hmac.New(sha256.New, key)} }}}, nil
}

// Append appends the signed mark of a request.
func (s *Signer) Append(to []byte, run string, m Mark, method, host string) []byte {
	start := len(to)
	to = append(to, version...)
	to = strconv.AppendUint(append(to, '.'), m.Sequence, 16)
	to = strconv.AppendInt(append(to, '.'), m.Issued.UnixMilli(), 16)
	to = strconv.AppendInt(append(to, '.'), m.Life.Milliseconds(), 16)
	to = append(to, '.')
	for i, name := range m.Via {
		if i > 0 {
			to = append(to, '~')
		}
		to = append(to, name...)
	}
	st := s.macs.Get().(*state)
	sum := st.sign(to[start:], run, method, host)
	to = base64.RawURLEncoding.AppendEncode(append(to, '.'), sum)
	s.macs.Put(st)
	return to
}

// valid reports whether the signature of the fields is s's.
func (s *Signer) valid(fields, signature, run, method, host string) bool {
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	st := s.macs.Get().(*state)
	defer s.macs.Put(st)
	return hmac.Equal(given, st.sign([]byte(fields), run, method, host))
}

// sign is valid until the next call. No field can hold a line break, so none can pass for two.
func (st *state) sign(fields []byte, run, method, host string) []byte {
	st.text = append(st.text[:0], fields...)
	st.text = append(append(st.text, '\n'), run...)
	st.text = append(append(st.text, '\n'), method...)
	st.text = append(append(st.text, '\n'), strings.ToLower(host)...)
	st.mac.Reset()
	st.mac.Write(st.text)
	return st.mac.Sum(st.sum[:0])[:sumSize]
}

// Verify reads the mark of a request that was addressed to one of the hosts, at that time. A clock may differ by
// skew. The error wraps ErrMalformed, ErrSignature or ErrExpired.
func Verify(keys []*Signer, text, run, method string, hosts []string, now time.Time, skew time.Duration) (Mark, error) {
	m, fields, signature, err := parse(text)
	if err != nil {
		return Mark{}, err
	}
	if strings.ContainsAny(run+method+strings.Join(hosts, ""), "\r\n") || !signed(keys, fields, signature, run, method, hosts) {
		return Mark{}, fmt.Errorf("%w: it does not fit this run, method and host, or another key signed it", ErrSignature)
	}
	switch late := now.Sub(m.Expires()); {
	case late > skew:
		return Mark{}, fmt.Errorf("%w: it ended %s ago", ErrExpired, late.Round(time.Millisecond))
	case m.Issued.Sub(now) > skew:
		return Mark{}, fmt.Errorf("%w: it begins in %s; are the clocks in step?", ErrExpired, m.Issued.Sub(now).Round(time.Millisecond))
	}
	return m, nil
}

func signed(keys []*Signer, fields, signature, run, method string, hosts []string) bool {
	for _, key := range keys {
		for _, host := range hosts {
			if key.valid(fields, signature, run, method, host) {
				return true
			}
		}
	}
	return false
}

// parse reads the text of a mark; fields is what is signed.
func parse(text string) (m Mark, fields, signature string, err error) {
	bad := func(what string) (Mark, string, string, error) {
		return Mark{}, "", "", fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	if len(text) > textMax {
		return bad("too long")
	}
	parts := strings.Split(text, ".")
	if len(parts) != 6 {
		return bad("want 6 fields")
	}
	if parts[0] != version {
		return bad("unknown version")
	}
	var err1, err2, err3 error
	var issued, life int64
	m.Sequence, err1 = strconv.ParseUint(parts[1], 16, 64)
	issued, err2 = strconv.ParseInt(parts[2], 16, 64)
	life, err3 = strconv.ParseInt(parts[3], 16, 64)
	if errors.Join(err1, err2, err3) != nil || life < 0 || life > int64(24*time.Hour/time.Millisecond) || issued < 0 || issued > 1<<50 {
		return bad("number out of range")
	}
	m.Issued, m.Life = time.UnixMilli(issued), time.Duration(life)*time.Millisecond
	if parts[4] != "" {
		m.Via = strings.Split(parts[4], "~")
	}
	if len(m.Via) > ViaMax {
		return bad("passed too many services")
	}
	for _, name := range m.Via {
		if !IsName(name) {
			return bad("name of a service")
		}
	}
	return m, text[:len(text)-len(parts[5])-1], parts[5], nil
}

// IsName reports whether text can name a service in a mark: letters, digits, - and _, at most 64.
func IsName(text string) bool {
	return text != "" && len(text) <= nameMax && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// Coloured reports whether a header says that its request is replayed, signed or not: by a header of its own, or by
// what tracing libraries pass on.
func Coloured(h http.Header) bool {
	return len(h[Colour]) > 0 || len(h[Header]) > 0 || member(h["Tracestate"], Member) || member(h["Baggage"], BaggageKey)
}

// member reports whether a list of "key=value" has the key.
func member(lines []string, key string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if name, _, ok := strings.Cut(item, "="); ok && strings.TrimSpace(name) == key {
				return true
			}
		}
	}
	return false
}

// Token returns the run as it may stand in tracestate and baggage: what neither takes is replaced by _.
func Token(run string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;=\%`, r) {
			return '_'
		}
		return r
	}, run)
}
