package passive_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/tcpstream/tcptest"
	"github.com/gameday-dev/gameday/replay"
)

// sentExchange is one that a conversation holds, with the places of its bytes.
type sentExchange struct {
	request, response  string // bodies
	requestAt, replyAt [2]int // from, to
}

// shop is a random conversation of a client that waits for each response, or that does not.
func shop(r *rand.Rand, pipelined bool) (*tcptest.Talk, map[string]*sentExchange) {
	ends := [2]netip.AddrPort{client, server}
	if r.IntN(2) == 0 {
		ends = [2]netip.AddrPort{netip.MustParseAddrPort("[fd00::1]:40000"), netip.MustParseAddrPort("[fd00::2]:8080")}
	}
	talk := &tcptest.Talk{
		Client: ends[0], Server: ends[1], Now: monday, Rand: r, MSS: 20 + r.IntN(2000),
		ISN: [2]uint32{-uint32(r.IntN(10_000)), -uint32(r.IntN(10_000))},
	}
	all := make(map[string]*sentExchange)
	talk.Open()
	for i := 0; i < 12; {
		batch := 1
		if pipelined {
			batch = 1 + r.IntN(4)
		}
		var requests, responses strings.Builder
		for range batch {
			x := &sentExchange{request: text(r, r.IntN(3000)), response: text(r, r.IntN(3000))}
			target := fmt.Sprintf("/%d", i)
			head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: shop\r\n", target)
			x.requestAt[0] = len(talk.Sent(false)) + requests.Len()
			requests.WriteString(head + framed(r, x.request))
			x.requestAt[1] = len(talk.Sent(false)) + requests.Len()
			x.replyAt[0] = len(talk.Sent(true)) + responses.Len()
			responses.WriteString("HTTP/1.1 200 OK\r\nX-Id: " + target + "\r\n" + framed(r, x.response))
			x.replyAt[1] = len(talk.Sent(true)) + responses.Len()
			all[target] = x
			i++
		}
		talk.Send(false, []byte(requests.String()))
		talk.Send(true, []byte(responses.String()))
		if sent := len(talk.Sent(true)); r.IntN(3) == 0 {
			from := r.IntN(sent)
			talk.Resend(true, from, from+1+r.IntN(min(sent-from, 4000)))
		}
	}
	talk.Close(false)
	talk.Close(true)
	return talk, all
}

// text is a body that is full of traps.
func text(r *rand.Rand, n int) string {
	traps := []string{"0\r\n\r\n", "\r\n", "x", "some words ", "5\r\n", "\n\n", "GET the goods", "\r\n\r"}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(traps[r.IntN(len(traps))])
	}
	return b.String()
}

// framed adds the rest of a head and the body, with a length or in chunks.
func framed(r *rand.Rand, body string) string {
	if r.IntN(2) == 0 {
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	var b strings.Builder
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := 1 + r.IntN(len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func TestNothingIsLostWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 4))
		talk, sent := shop(r, seed%2 == 0)
		frames := tcptest.Shuffle(r, talk.Frames, 3, r.IntN(12))
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, counts := captured(t, frames, 8080)
			require.Len(t, s.exchanges, len(sent))
			for _, x := range s.exchanges {
				want := sent[x.Target]
				require.Equal(t, want.request, string(x.Body))
				require.NotNil(t, x.Response)
				require.Equal(t, x.Target, x.Response.Header.Get("X-Id"))
				require.Equal(t, want.response, string(x.Response.Body))
				require.False(t, x.Truncated() || x.Response.Truncated() || x.Response.Cut)
			}
			require.Empty(t, s.gaps)
			requireAccounted(t, frames, counts)
		})
	}
}

// requireAccounted checks that all bytes that were captured have a fate.
func requireAccounted(t testing.TB, frames []tcptest.Frame, c replay.Counts) {
	var payload uint64
	for _, f := range frames {
		payload += uint64(f.Payload)
	}
	require.Equal(t, payload, c.Bytes.Total()-c.Bytes["missing"], "%v", c.Bytes)
	require.EqualValues(t, len(frames), c.Packets.Total())
}

func TestLossCostsWhatItHitsAndNothingElse(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		talk, sent := shop(r, false)
		var frames, lost []tcptest.Frame
		for i, f := range tcptest.Shuffle(r, talk.Frames, 3, r.IntN(4)) {
			if i > 3 && f.Payload > 0 && r.IntN(25) == 0 {
				lost = append(lost, f)
			} else {
				frames = append(frames, f)
			}
		}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			s, counts := captured(t, frames, 8080)
			requireAccounted(t, frames, counts)
			found := make(map[string]*replay.Exchange)
			for _, x := range s.exchanges {
				requireTrue(t, x, sent[x.Target])
				require.NotContains(t, found, x.Target)
				found[x.Target] = x
			}
			var unseen int
			for target, want := range sent {
				asked, answered := hit(lost, frames, false, want.requestAt), hit(lost, frames, true, want.replyAt)
				x := found[target]
				switch {
				case asked == whole:
					require.NotNil(t, x, "%s was captured", target)
					if answered == whole {
						require.NotNil(t, x.Response, "the response to %s was captured", target)
						require.Equal(t, want.response, string(x.Response.Body))
					}
				case answered != whole: // neither side may have shown itself as a message
					unseen++
				}
			}
			require.GreaterOrEqual(t, int(counts.Captured+counts.Lost.Total()), len(sent)-unseen)
			require.LessOrEqual(t, int(counts.Captured+counts.Lost.Total()), len(sent))
			if counts.Bytes["missing"] > 0 {
				require.NotEmpty(t, s.gaps)
			}
		})
	}
}

// requireTrue checks that an exchange is what was sent, or openly less.
func requireTrue(t testing.TB, x *replay.Exchange, want *sentExchange) {
	require.NotNil(t, want, "%s was never sent", x.Target)
	require.Equal(t, want.request, string(x.Body))
	if x.Response == nil {
		return
	}
	require.Equal(t, x.Target, x.Response.Header.Get("X-Id"))
	require.True(t, strings.HasPrefix(want.response, string(x.Response.Body)))
	if !x.Response.Cut && !x.Response.Truncated() {
		require.Equal(t, want.response, string(x.Response.Body))
	}
}

const (
	whole = iota
	part
	gone
)

// hit says how much of a stretch was captured.
func hit(lost, frames []tcptest.Frame, toClient bool, at [2]int) int {
	var carried int
	seen := make([]bool, at[1]-at[0])
	for _, f := range frames {
		for i := max(f.Offset, at[0]); f.ToClient == toClient && i < min(f.Offset+f.Payload, at[1]); i++ {
			if !seen[i-at[0]] {
				seen[i-at[0]] = true
				carried++
			}
		}
	}
	switch carried {
	case len(seen):
		return whole
	case 0:
		return gone
	}
	return part
}
