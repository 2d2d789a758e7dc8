package capture_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
	"github.com/gameday-dev/gameday/replay/capture"
)

// TestACaptureRecordsWhatRulesAndMiddlewareLeave: rules see secrets, the middleware does not, and what it says is redacted too.
func TestACaptureRecordsWhatRulesAndMiddlewareLeave(t *testing.T) {
	rules := func(filters ...gameday.Filter) *replay.Rules {
		r, err := replay.NewRules(filters, []gameday.Rewrite{{Header: "X-Set", Value: "1"}})
		require.NoError(t, err)
		return r
	}
	for _, tt := range []struct {
		name, kind string // of middleware; none when empty
		rules      *replay.Rules
		want       []string
		counts     replay.Counts
		err        string
	}{
		{
			name: "a rule leaves out by what is redacted later", rules: rules(gameday.Filter{Kind: gameday.AllowHeader, Name: "Authorization", Match: "^Basic secret-1$"}),
			want: []string{"/odd Basic gd 200 x"}, counts: replay.Counts{Captured: 1, Filtered: replay.Tally{"allow-header Authorization: ^Basic secret-1$": 1}},
		},
		{name: "what a middleware echoes", kind: "echo", want: []string{"/even Basic gd 200 x", "/odd Basic gd 200 x"}, counts: replay.Counts{Captured: 2}},
		{name: "what it keeps is filtered", kind: "odd", want: []string{"/odd Basic gd 200 x"}, counts: replay.Counts{Captured: 1, Filtered: replay.Tally{"kept by middleware": 1}}},
		{name: "it never sees a secret", kind: "spy", want: []string{"/even Basic gd 200 x", "/odd Basic gd 200 x"}, counts: replay.Counts{Captured: 2}},
		{name: "nor does one that it makes reach the disk", kind: "leak", want: []string{"/even Basic gd 200 x", "/odd Basic gd 200 x"}, counts: replay.Counts{Captured: 2}},
		{name: "what it adds is recorded", kind: "ids", want: []string{"/even Basic gd", "/odd Basic gd"}, counts: replay.Counts{Captured: 2, Cut: 2, Filtered: replay.Tally{"kept by middleware": 2}}},
		{
			name: "what dies takes with it what it has", kind: "die", want: []string{"/even Basic gd"},
			counts: replay.Counts{Captured: 1, Cut: 1, Lost: replay.Tally{"middleware ended": 1}},
			err:    "the middleware has ended, and nothing is recorded without it: middleware " + os.Args[0] + ": exit status 3",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := capture.Options{Rules: tt.rules, Redact: hide}
			if tt.kind != "" {
				m, err := capture.StartMiddleware(capture.MiddlewareOptions{
					Command: os.Args[0] + " " + asMiddleware + " " + tt.kind, Stderr: os.Stderr, Start: time.Now(), Responses: true,
				})
				require.NoError(t, err)
				o.Middleware = m
			}
			var m memory
			in := capture.NewIntake(&m, o)
			for _, x := range numbered(2) {
				x.Header.Set("Authorization", "Basic secret-"+string(rune('0'+x.Seq)))
				require.True(t, in.Reserve(1))
				in.Put(x)
			}
			if tt.err != "" { // else its end may come after that of the traffic
				require.Eventually(t, func() bool { return in.Status().Stopped != "" }, time.Minute, time.Millisecond)
			}
			err := in.Close()
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
			var got []string
			for _, x := range m.xs {
				require.Equal(t, tt.rules != nil, x.Header.Has("X-Set"))
				s := describe(replay.Shown{X: x})
				method, target, _ := strings.Cut(s, " ")
				require.Equal(t, "GET", method)
				path, answer, _ := strings.Cut(target, " ")
				got = append(got, strings.TrimSpace(path+" "+x.Header.Get("Authorization")+" "+answer))
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.counts, in.Counts())
			require.Zero(t, in.Status().Held, "what was reserved is given back")
		})
	}
}

// hide is a redaction.
func hide(x *replay.Exchange) { x.Header.Set("Authorization", "Basic gd") }
