package guard

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/internal/mark"
)

var key = []byte("a key that only tests know")

func newGuard(t testing.TB, c Config) *Guard {
	t.Helper()
	if c.Keys == nil {
		c.Keys = [][]byte{key}
	}
	g, err := New(c)
	require.NoError(t, err)
	return g
}

// marked returns a request with a mark that is signed and valid.
func marked(t testing.TB, method, target string, m mark.Mark) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	signer, err := mark.NewSigner(key)
	require.NoError(t, err)
	r.Header.Set(mark.Colour, "run-7")
	r.Header.Set(mark.Header, string(signer.Append(nil, "run-7", m, method, r.Host)))
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	return r
}

func fresh() mark.Mark { return mark.Mark{Sequence: 17, Issued: time.Now(), Life: time.Minute} }

func TestWhoMayPass(t *testing.T) {
	old := fresh()
	old.Issued = old.Issued.Add(-time.Hour)
	been := fresh()
	been.Via = []string{"edge", "order", "cart"}
	elsewhere := marked(t, "GET", "http://edge.internal/x", fresh())
	elsewhere.Host = "10.0.0.7:8080"
	unknown := marked(t, "GET", "http://bank.internal/x", fresh())
	unknown.Host = "10.0.0.7:8080"
	unsigned := httptest.NewRequest("GET", "http://order/x", nil)
	unsigned.Header.Set(mark.Colour, "run-7")
	passedOn := httptest.NewRequest("GET", "http://order/x", nil)
	passedOn.Header.Set("Baggage", mark.BaggageKey+"=run-7")
	for _, tt := range []struct {
		name    string
		request *http.Request
		status  int
		why     string
		counts  Counts
	}{
		{"an ordinary request", httptest.NewRequest("GET", "http://order/x", nil), 200, "", Counts{Ordinary: 1}},
		{"a replay with a valid mark", marked(t, "POST", "http://order/x", fresh()), 200, "", Counts{Replayed: 1}},
		{"one that a proxy gave another host", elsewhere, 200, "", Counts{Replayed: 1}},
		{"one for a host that is neither", unknown, 403, "unsigned", Counts{Unsigned: 1}},
		{"a replay that nobody signed", unsigned, 403, "unsigned", Counts{Unsigned: 1}},
		{"what a replay called without a mark", passedOn, 403, "unsigned", Counts{Unsigned: 1}},
		{"a replay that was recorded and played later", marked(t, "GET", "http://order/x", old), 403, "expired", Counts{Expired: 1}},
		{"a replay that was here before", marked(t, "GET", "http://order/x", been), 508, "loop", Counts{Loops: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var told []error
			g := newGuard(t, Config{Service: "order", Hosts: []string{"edge.internal"}, Refused: func(_ *http.Request, err error) { told = append(told, err) }})
			w := httptest.NewRecorder()
			var known Replay
			var replayed bool
			g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { known, replayed = FromContext(r.Context()) })).ServeHTTP(w, tt.request)
			require.Equal(t, tt.status, w.Code, w.Body)
			require.Equal(t, tt.why, w.Header().Get(RefusedHeader))
			require.Equal(t, tt.counts, g.Counts())
			require.Len(t, told, int(tt.counts.Unsigned+tt.counts.Expired+tt.counts.Loops))
			require.Equal(t, tt.counts.Replayed == 1, replayed)
			if replayed {
				require.Equal(t, "run-7", known.Run)
				require.EqualValues(t, 17, known.Sequence)
				require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", known.Trace)
			}
		})
	}
}

// TestACallChain: edge -> order -> edge is a loop; order -> mail is blocked; ordinary calls go anywhere.
func TestACallChain(t *testing.T) {
	var order, edge *httptest.Server
	client := func(g *Guard) *http.Client { return &http.Client{Transport: g.Transport(nil)} }
	call := func(ctx context.Context, g *Guard, url string) (int, error) {
		r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader("{}"))
		require.NoError(t, err)
		resp, err := client(g).Do(r)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode, err
	}
	mails := 0
	mail := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { mails++ }))
	defer mail.Close()

	var got Replay
	orderGuard := newGuard(t, Config{Service: "order", Outbound: []string{"127.0.0.1:1"}})
	edgeGuard := newGuard(t, Config{Service: "edge", Outbound: []string{"127.0.0.1"}})
	order = httptest.NewServer(orderGuard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = FromContext(r.Context())
		_, err := call(r.Context(), orderGuard, mail.URL)
		if got.Run == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorIs(t, err, ErrBlocked)
		status, err := call(r.Context(), edgeGuard, edge.URL) // as edge would, with its own allow-list
		require.NoError(t, err)
		w.WriteHeader(status)
	})))
	defer order.Close()
	edge = httptest.NewServer(edgeGuard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := call(r.Context(), edgeGuard, order.URL)
		require.NoError(t, err)
		w.WriteHeader(status)
	})))
	defer edge.Close()

	status, err := call(t.Context(), edgeGuard, edge.URL)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, 1, mails, "an ordinary request has effects")

	m := fresh()
	m.Issued = time.UnixMilli(m.Issued.UnixMilli())
	signed := marked(t, "POST", edge.URL, m)
	signed.RequestURI = ""
	resp, err := http.DefaultClient.Do(signed)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusLoopDetected, resp.StatusCode)
	require.Equal(t, 1, mails, "a replayed one does not")
	require.Equal(t, []string{"edge"}, got.Via)
	require.True(t, m.Expires().Equal(got.Expires), "a mark never lives longer than the first one")
	require.EqualValues(t, 1, orderGuard.Counts().Blocked)
	require.EqualValues(t, 1, edgeGuard.Counts().Loops)
}

func TestWhereReplaysMayGo(t *testing.T) {
	g := newGuard(t, Config{Service: "order", Outbound: []string{"payment", "stock:9000", "*.staging.internal"}})
	for _, tt := range []struct {
		host string
		want bool
	}{
		{"payment", true},
		{"payment:443", true},
		{"PAYMENT", true},
		{"stock:9000", true},
		{"stock:9001", false},
		{"mail.staging.internal:25", true},
		{"staging.internal", false},
		{"evilstaging.internal", false},
		{"mail.example.com", false},
		{"[::1]:80", false},
		{"", false},
	} {
		t.Run(tt.host, func(t *testing.T) { require.Equal(t, tt.want, g.mayCall(Replay{}, tt.host) == nil) })
	}
	require.ErrorIs(t, g.mayCall(Replay{Via: make([]string, mark.ViaMax)}, "payment"), ErrBlocked)
}

func TestAGuardNeedsANameAndAKey(t *testing.T) {
	for _, c := range []Config{{}, {Service: "a b", Keys: [][]byte{key}}, {Service: "a"}, {Service: "a", Keys: [][]byte{key, []byte("short")}}} {
		_, err := New(c)
		require.Error(t, err)
	}
}

func BenchmarkOrdinaryRequest(b *testing.B) {
	h := newGuard(b, Config{Service: "order"}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest("GET", "http://order/x", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func BenchmarkReplayedRequest(b *testing.B) {
	h := newGuard(b, Config{Service: "order"}).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	m := fresh()
	m.Life = time.Hour
	r := marked(b, "GET", "http://order/x", m)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
