package capture_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// BenchmarkTap is what recording costs a handler: the copy of header and body, redaction and
// the tape included, since all of them take the same CPU.
func BenchmarkTap(b *testing.B) {
	const answer = `{"items":[{"id":17,"name":"tea, green, 250 g","price":"4.20"}],"total":"8.40"}`
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})
	run := func(b *testing.B, h http.Handler) {
		b.ReportAllocs()
		for b.Loop() {
			r := httptest.NewRequest(http.MethodPost, "/cart/items", strings.NewReader(`{"product_id":17,"qty":2}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Cookie", "sid=0123456789abcdef")
			r.Header.Set("Authorization", "Bearer 0123456789abcdef")
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	b.Run("bare", func(b *testing.B) { run(b, handler) })
	b.Run("tapped", func(b *testing.B) {
		r, err := redact.New(redact.Rules{}, nil)
		require.NoError(b, err)
		w, err := tape.Create(filepath.Join(b.TempDir(), "x.gdtape"), tape.Meta{}, tape.Options{})
		require.NoError(b, err)
		tap := capture.NewTap(w, capture.Options{Redact: r.Exchange})
		run(b, capture.Handler(handler, tap))
		require.NoError(b, tap.Close())
		c := tap.Counts()
		b.ReportMetric(float64(c.Lost.Total())/float64(c.Arrived()), "lost-ratio")
		require.NoError(b, w.Close())
	})
}
