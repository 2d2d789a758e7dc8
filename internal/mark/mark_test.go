package mark

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	key = []byte("0123456789abcdef")
	now = time.UnixMilli(1_760_000_000_000)
)

func signer(t testing.TB, key []byte) *Signer {
	t.Helper()
	s, err := NewSigner(key)
	require.NoError(t, err)
	return s
}

func TestVerify(t *testing.T) {
	s, other := signer(t, key), signer(t, []byte("another key of 27 bytes....."))
	m := Mark{Sequence: 4711, Issued: now, Life: time.Minute, Via: []string{"edge", "order-1"}}
	text := string(s.Append(nil, "run 7", m, "POST", "Shop.example:8080"))
	for _, tt := range []struct {
		name, text, run, method, host string
		at                            time.Duration
		keys                          []*Signer
		want                          error
	}{
		{"as it was signed", text, "run 7", "POST", "Shop.example:8080", 0, []*Signer{s}, nil},
		{"the case of the host does not count", text, "run 7", "POST", "shop.EXAMPLE:8080", 0, []*Signer{s}, nil},
		{"with the second key", text, "run 7", "POST", "shop.example:8080", 0, []*Signer{other, s}, nil},
		{"at its very end", text, "run 7", "POST", "shop.example:8080", time.Minute + 5*time.Second, []*Signer{s}, nil},
		{"after its end", text, "run 7", "POST", "shop.example:8080", time.Minute + 5001*time.Millisecond, []*Signer{s}, ErrExpired},
		{"by a clock that is a little behind", text, "run 7", "POST", "shop.example:8080", -5 * time.Second, []*Signer{s}, nil},
		{"by a clock that is far behind", text, "run 7", "POST", "shop.example:8080", -time.Hour, []*Signer{s}, ErrExpired},
		{"with another key", text, "run 7", "POST", "shop.example:8080", 0, []*Signer{other}, ErrSignature},
		{"without a key", text, "run 7", "POST", "shop.example:8080", 0, nil, ErrSignature},
		{"copied to another run", text, "run 8", "POST", "shop.example:8080", 0, []*Signer{s}, ErrSignature},
		{"copied to another method", text, "run 7", "DELETE", "shop.example:8080", 0, []*Signer{s}, ErrSignature},
		{"copied to another host", text, "run 7", "POST", "bank.example", 0, []*Signer{s}, ErrSignature},
		{"with its life made longer", strings.Replace(text, ".ea60.", ".fa60.", 1), "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrSignature},
		{"with a service taken out", strings.Replace(text, ".edge~order-1.", ".edge.", 1), "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrSignature},
		{"with half its signature", text[:len(text)-11], "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrSignature},
		{"none", "", "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrMalformed},
		{"of a later version", "2" + text[1:], "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrMalformed},
		{"with a number too many", "1.0" + text[1:], "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrMalformed},
		{"with a life of years", "1.1.1.fffffffff..x", "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrMalformed},
		{"with an odd service", "1.1.1.1.a b.x", "run 7", "POST", "shop.example:8080", 0, []*Signer{s}, ErrMalformed},
		{"that passed the whole world", "1.1.1.1." + strings.Repeat("a~", ViaMax) + "a.x", "run 7", "POST", "h", 0, []*Signer{s}, ErrMalformed},
		{"longer than anything", "1.1.1.1." + strings.Repeat("a", textMax) + ".x", "run 7", "POST", "h", 0, []*Signer{s}, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Verify(tt.keys, tt.text, tt.run, tt.method, []string{"alias", tt.host}, now.Add(tt.at), 5*time.Second)
			require.ErrorIs(t, err, tt.want)
			if tt.want == nil {
				require.True(t, m.Issued.Equal(got.Issued))
				got.Issued = m.Issued
				require.Equal(t, m, got)
			}
		})
	}
}

func TestAShortKeyIsRefused(t *testing.T) {
	_, err := NewSigner([]byte("secret"))
	require.ErrorContains(t, err, "give at least 16")
}

func TestWhatIsColoured(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    http.Header
		want bool
	}{
		{"an ordinary request", http.Header{"Traceparent": {"00-1-2-01"}, "Baggage": {"user=7"}}, false},
		{"one that says so", http.Header{Colour: {"r"}}, true},
		{"one with a mark alone", http.Header{Header: {"x"}}, true},
		{"by the trace state that was passed on", http.Header{"Tracestate": {"rojo=1, gameday=r"}}, true},
		{"by the baggage that was passed on", http.Header{"Baggage": {"user=7", "a=b , gameday.run=r"}}, true},
		{"not by a name that only begins so", http.Header{"Baggage": {"gameday.runner=1"}, "Tracestate": {"gamedays=1"}}, false},
		{"not by a value", http.Header{"Baggage": {"tool=gameday.run"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, Coloured(tt.h)) })
	}
	require.Equal(t, "peak_day_a_b", Token("peak day,a=b"))
}

// FuzzVerify: nothing that was not signed is taken.
func FuzzVerify(f *testing.F) {
	s := signer(f, key)
	good := string(s.Append(nil, "r", Mark{Sequence: 1, Issued: now, Life: time.Minute, Via: []string{"a"}}, "GET", "h"))
	f.Add(good, "r", "GET", "h")
	f.Add("1.1.1.1..x", "r\n", "GET", "h")
	f.Fuzz(func(t *testing.T, text, run, method, host string) {
		m, err := Verify([]*Signer{s}, text, run, method, []string{host}, now, time.Second)
		if err == nil && (run != "r" || method != "GET" || !strings.EqualFold(host, "h") || !slices.Equal(m.Via, []string{"a"}) || m.Sequence != 1) {
			t.Errorf("%q was taken for %q %q %q", text, run, method, host)
		}
	})
}

func TestSigningDoesNotAllocate(t *testing.T) {
	st := signer(t, key).macs.New().(*state) // the pool itself may drop one, and does under the race detector
	fields := []byte("1.126f.199b5c4f800.ea60.")
	allocs := testing.AllocsPerRun(1000, func() { st.sign(fields, "run-7", "GET", "shop.example:8080") })
	require.Zero(t, allocs)
}

func BenchmarkSign(b *testing.B) {
	s, to := signer(b, key), make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(to, "run-7", Mark{Sequence: 4711, Issued: now, Life: time.Minute}, "GET", "shop.example:8080")
	}
}

func BenchmarkVerify(b *testing.B) {
	s := signer(b, key)
	text := string(s.Append(nil, "run-7", Mark{Sequence: 4711, Issued: now, Life: time.Minute}, "GET", "shop.example:8080"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify([]*Signer{s}, text, "run-7", "GET", []string{"shop.example:8080"}, now, time.Second); err != nil {
			b.Fatal(err)
		}
	}
}
