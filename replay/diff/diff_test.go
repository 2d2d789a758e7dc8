package diff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/replay"
)

// answered is an answer with a recorded one beside it.
func answered(id uint64, status int, h replay.Header, body string, recorded *replay.Response) *replay.Answered {
	class := gameday.ClassOK
	if status >= 500 || status == 0 {
		class = gameday.ClassError
	}
	return &replay.Answered{
		ID: [2]uint64{id}, At: time.Second, Flow: replay.Other, Method: "GET", Path: "/products/17", Trace: "t", Class: class,
		Status: status, Header: h, Body: []byte(body), Size: int64(len(body)), Recorded: recorded,
	}
}

func response(status int, h replay.Header, body string) *replay.Response {
	return &replay.Response{Status: status, Header: h, Body: []byte(body), Size: int64(len(body))}
}

// run compares pairs of recorded and live answers.
func run(t testing.TB, o Options, answers ...*replay.Answered) *gameday.Diff {
	t.Helper()
	c, err := WithRecording(o)
	require.NoError(t, err)
	for i, a := range answers {
		a.ID[0] = uint64(i)
		c.Candidate(a)
	}
	d := c.Close()
	var sum int64
	for _, n := range d.Classes {
		sum += n
	}
	require.Equal(t, d.Compared, sum)
	for _, n := range d.NotCompared {
		sum += n
	}
	require.EqualValues(t, len(answers), sum, "every answer is accounted for")
	return d
}

func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		name, want, got string
		o               Options
		class           gameday.DiffClass
		fields          string // that differ
	}{
		{"the same", `{"a":1}`, `{"a":1}`, Options{}, gameday.DiffIdentical, ""},
		{"written otherwise", `{"a":1,"b":[1,2]}`, ` { "b": [1.0, 2e0], "a": 1 } `, Options{}, gameday.DiffIdentical, ""},
		{"another value", `{"a":1}`, `{"a":2}`, Options{}, gameday.DiffWrong, "$.a value"},
		{"a large number that is one more", `{"a":9007199254740993}`, `{"a":9007199254740992}`, Options{}, gameday.DiffWrong, "$.a value"},
		{"another type", `{"a":1}`, `{"a":"1"}`, Options{}, gameday.DiffWrong, "$.a type"},
		{"null is no value", `{"a":1}`, `{"a":null}`, Options{}, gameday.DiffWrong, "$.a type"},
		{"a field too few", `{"a":1,"b":{"c":2}}`, `{"a":1}`, Options{}, gameday.DiffWrong, "$.b missing"},
		{"a field too many", `{"a":1}`, `{"a":1,"b":2}`, Options{}, gameday.DiffWrong, "$.b added"},
		{"an element too few", `{"a":[1,2]}`, `{"a":[1]}`, Options{}, gameday.DiffWrong, "$.a length"},
		{"elements in another order", `{"a":[{"i":1},{"i":2}]}`, `{"a":[{"i":2},{"i":1}]}`, Options{}, gameday.DiffWrong, "$.a order"},
		{"an element that differs", `[{"i":1,"p":5},{"i":2,"p":6}]`, `[{"i":1,"p":5},{"i":2,"p":7}]`, Options{}, gameday.DiffWrong, "$[*].p value"},
		{"what is ignored", `{"a":1,"t":{"x":1}}`, `{"a":1,"t":{"x":2}}`, Options{Ignore: []string{"$.t"}}, gameday.DiffIdentical, ""},
		{"what is ignored in any element", `[{"i":1}]`, `[{"i":2}]`, Options{Ignore: []string{"$[0].i"}}, gameday.DiffIdentical, ""},
		{"what is ignored at any depth", `{"a":{"at":1,"cat":1}}`, `{"a":{"at":2,"cat":1}}`, Options{Ignore: []string{"$..at"}}, gameday.DiffIdentical, ""},
		{"not what only ends so", `{"a":{"cat":1}}`, `{"a":{"cat":2}}`, Options{Ignore: []string{"$..at"}}, gameday.DiffWrong, "$.a.cat value"},
		{"times", `{"t":"2026-01-02T03:04:05Z","u":1760000000}`, `{"t":"2026-05-02T03:04:05.1Z","u":1770000000}`, Options{}, gameday.DiffNoisy, "$.t value, $.u value"},
		{"a time that became none", `{"t":"2026-01-02T03:04:05Z"}`, `{"t":"soon"}`, Options{}, gameday.DiffWrong, "$.t value"},
		{"ids", `{"i":"0b54f1a2-7f3e-4c9b"}`, `{"i":"9f54f1a2-7f3e-4c9b"}`, Options{}, gameday.DiffNoisy, "$.i value"},
		{"what was redacted", `{"i":"gd~abc"}`, `{"i":"x"}`, Options{}, gameday.DiffNoisy, "$.i value"},
		{"noise beside what is wrong", `{"i":"gd~abc","n":1}`, `{"i":"x","n":2}`, Options{}, gameday.DiffWrong, "$.n value, $.i value"},
		{"a fallback by a field", `{"a":1,"source":"live"}`, `{"a":0,"source":"cache"}`, Options{Fallback: []string{"$.source=cache"}}, gameday.DiffFallback, ""},
		{"a fallback that the recording is too", `{"source":"cache"}`, `{"source":"cache"}`, Options{Fallback: []string{"$.source=cache"}}, gameday.DiffIdentical, ""},
		{"text", `<p>1`, `<p>2`, Options{}, gameday.DiffWrong, "body value"},
		{"JSON that became text", `{"a":1}`, `oops`, Options{}, gameday.DiffWrong, "body value"},
		{"no body", ``, `{"a":1}`, Options{}, gameday.DiffWrong, "body value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := run(t, tt.o, answered(0, 200, nil, tt.got, response(200, nil, tt.want)))
			require.Equal(t, map[gameday.DiffClass]int64{tt.class: 1}, d.Classes)
			var fields []string
			for _, f := range d.Routes[0].Fields {
				fields = append(fields, f.Path+" "+f.Kind)
			}
			require.Equal(t, tt.fields, strings.Join(fields, ", "))
			require.Equal(t, "GET /products/{}", d.Routes[0].Route)
		})
	}
}

func TestHeadersAndStatus(t *testing.T) {
	h := func(lines ...string) (h replay.Header) {
		for i := 0; i < len(lines); i += 2 {
			h = append(h, replay.Field{Name: lines[i], Value: lines[i+1]})
		}
		return h
	}
	for _, tt := range []struct {
		name         string
		status, live int
		want, got    replay.Header
		o            Options
		class        gameday.DiffClass
	}{
		{"a header", 200, 200, h("Cache-Control", "private"), h("cache-control", "public"), Options{}, gameday.DiffWrong},
		{"its name in other letters", 200, 200, h("Cache-Control", "private"), h("cache-control", "private"), Options{}, gameday.DiffIdentical},
		{"one too few", 200, 200, h("X-Frame-Options", "DENY"), nil, Options{}, gameday.DiffWrong},
		{"one too many", 200, 200, nil, h("X-Debug", "1"), Options{}, gameday.DiffWrong},
		{"that is ignored", 200, 200, nil, h("X-Debug", "1"), Options{Ignore: []string{"header:X-Debug"}}, gameday.DiffIdentical},
		{"of the connection", 200, 200, h("Date", "a", "Connection", "close"), h("Server", "b", "Via", "c"), Options{}, gameday.DiffIdentical},
		{"a declared fallback", 200, 200, nil, h("X-Degraded", "stock"), Options{}, gameday.DiffFallback},
		{"one by a rule", 200, 203, nil, h("X-Source", "backup"), Options{Fallback: []string{"header:X-Source=backup"}}, gameday.DiffFallback},
		{"another status", 200, 404, nil, nil, Options{}, gameday.DiffWrong},
		{"that is ignored, too", 200, 201, nil, nil, Options{Ignore: []string{"status"}}, gameday.DiffIdentical},
		{"a failure", 200, 503, nil, nil, Options{}, gameday.DiffError},
		{"a refusal", 200, 429, nil, nil, Options{}, gameday.DiffError},
		{"no answer", 200, 0, nil, nil, Options{}, gameday.DiffError},
		{"a failure that is recorded too", 500, 500, nil, nil, Options{}, gameday.DiffIdentical},
		{"a success where a failure was", 500, 200, nil, nil, Options{}, gameday.DiffWrong},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := run(t, tt.o, answered(0, tt.live, tt.got, "", response(tt.status, tt.want, "")))
			require.Equal(t, map[gameday.DiffClass]int64{tt.class: 1}, d.Classes)
		})
	}
}

func TestWhatTookThePlaceOfRecordedValuesIsTheSame(t *testing.T) {
	a := answered(0, 201, replay.Header{{Name: "Location", Value: "/orders/o-9"}}, `{"id":"o-9","user":"ann-c2"}`,
		response(201, replay.Header{{Name: "Location", Value: "/orders/o-1"}}, `{"id":"o-1","user":"ann"}`))
	a.Live, a.Suffix = map[string]string{"o-1": "o-9", "/orders/o-1": "/orders/o-9"}, "-c2"
	require.Equal(t, map[gameday.DiffClass]int64{gameday.DiffIdentical: 1}, run(t, Options{}, a).Classes)
}

func TestWhatIsNotCompared(t *testing.T) {
	cut := answered(0, 200, nil, `{"a":1}`, response(200, nil, `{"a":1}`))
	cut.Size = 1 << 20
	shape := answered(0, 404, nil, `x`, &replay.Response{Status: 200, Size: 500})
	shape.ShapeOnly = true
	brotli := answered(0, 200, replay.Header{{Name: "Content-Encoding", Value: "br"}}, `x`, response(200, nil, `y`))
	d := run(t, Options{}, cut, shape, brotli, answered(0, 200, nil, "", nil))
	require.Equal(t, map[string]int64{causePart: 2, causeUnseen: 1}, d.NotCompared)
	require.Equal(t, map[gameday.DiffClass]int64{gameday.DiffWrong: 1}, d.Classes, "of a log the status counts")
}

// TestThreeWays: what the secondary shows to be noise is noise, and nothing else is.
func TestThreeWays(t *testing.T) {
	c, err := WithPrimary(true, Options{})
	require.NoError(t, err)
	const n = 100
	for i := range uint64(n) {
		body := func(load int, price float64, id string) string {
			return fmt.Sprintf(`{"load":%d,"price":%g,"id":%q,"mood":%d}`, load, price, id, 1)
		}
		p := answered(i, 200, nil, body(int(i), 5, fmt.Sprint("p", i)), nil)
		s := answered(i, 200, nil, body(int(i)+7, 5, fmt.Sprint("s", i)), nil)
		x := answered(i, 200, nil, body(int(i)+3, map[bool]float64{true: 6, false: 5}[i%10 == 0], fmt.Sprint("c", i)), nil)
		p.Live, s.Live, x.Live = map[string]string{"r": fmt.Sprint("p", i)}, map[string]string{"r": fmt.Sprint("s", i)}, map[string]string{"r": fmt.Sprint("c", i)}
		for _, take := range []func(){func() { c.Candidate(x) }, func() { c.Primary(p) }, func() { c.Secondary(s) }} {
			take()
		}
	}
	c.Candidate(answered(n, 200, nil, "", nil)) // the others never answer
	c.Primary(answered(n+1, 0, nil, "", nil))
	c.Candidate(answered(n+1, 200, nil, "", nil))
	c.Secondary(answered(n+1, 200, nil, "", nil))
	d := c.Close()
	require.Equal(t, map[gameday.DiffClass]int64{gameday.DiffNoisy: 90, gameday.DiffWrong: 10}, d.Classes)
	require.Equal(t, map[string]int64{causeMissing: 1, causePrimary: 1}, d.NotCompared)
	fields := d.Routes[0].Fields
	require.Len(t, fields, 2)
	require.Equal(t, "$.price", fields[0].Path)
	require.Empty(t, fields[0].Noisy)
	require.EqualValues(t, 10, fields[0].Count)
	require.Equal(t, gameday.DiffExample{At: gameday.Duration(time.Second), Request: "GET /products/17", Trace: "t", Want: "5", Got: "6"}, fields[0].Examples[0])
	require.Len(t, fields[0].Examples, DefaultExamples)
	require.Equal(t, "$.load", fields[1].Path)
	require.NotEmpty(t, fields[1].Noisy)
	require.InDelta(t, 0.1, d.Wrong(), 1e-9)
}

// TestAFailedSecondaryShowsNoNoise: else everything in which the candidate is wrong would pass for noise while it is down.
func TestAFailedSecondaryShowsNoNoise(t *testing.T) {
	c, err := WithPrimary(true, Options{})
	require.NoError(t, err)
	for i, statuses := range [][3]int{{200, 200, 200}, {404, 200, 0}, {404, 200, 503}, {500, 200, 0}, {404, 200, 200}} {
		for role, take := range []func(*replay.Answered){c.Candidate, c.Primary, c.Secondary} {
			take(answered(uint64(i), statuses[role], nil, "", nil))
		}
	}
	d := c.Close()
	require.Equal(t, map[gameday.DiffClass]int64{gameday.DiffIdentical: 1, gameday.DiffError: 1, gameday.DiffWrong: 1}, d.Classes)
	require.Equal(t, map[string]int64{causeSecondary: 2}, d.NotCompared)
	require.Empty(t, d.Routes[0].Fields[0].Noisy)
}

// TestAFailureOfGRPCIsOne, though its status of HTTP is 200.
func TestAFailureOfGRPCIsOne(t *testing.T) {
	status := func(code string) replay.Header { return replay.Header{{Name: "grpc-status", Value: code}} }
	for _, tt := range []struct {
		name            string
		header, trailer replay.Header // recorded
		want            gameday.DiffClass
	}{
		{"where the recording knows nothing of it", nil, nil, gameday.DiffError},
		{"where the recorded call succeeded", nil, status("0"), gameday.DiffError},
		{"where it failed otherwise", nil, status("5"), gameday.DiffError},
		{"but not where it failed as well", nil, status("14"), gameday.DiffIdentical},
		{"with trailers alone", status("8"), nil, gameday.DiffIdentical},
	} {
		t.Run(tt.name, func(t *testing.T) {
			recorded := response(200, tt.header, "")
			recorded.Trailer = tt.trailer
			call := answered(0, 200, tt.header, "", recorded)
			call.Class = gameday.ClassRejected
			require.Equal(t, map[gameday.DiffClass]int64{tt.want: 1}, run(t, Options{}, call).Classes)
		})
	}
}

func TestAFieldThatOnlySometimesDiffersByItselfIsNoise(t *testing.T) {
	for _, tt := range []struct {
		name                string
		count, noise, total int64
		want                bool
	}{
		{"never in the secondary", 1, 0, 100, false},
		{"as often", 40, 40, 100, true},
		{"a little more often", 44, 40, 100, true},
		{"far more often", 80, 40, 100, false},
		{"less often", 10, 40, 100, true},
		{"almost never", 3, 1, 10000, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, noisyByCount(tt.count, tt.noise, tt.total) != "")
		})
	}
}

func TestExamplesAreRedacted(t *testing.T) {
	redact := func(x *replay.Exchange) {
		x.Response.Body = []byte(strings.ReplaceAll(string(x.Response.Body), "s3cret", "gd~x"))
	}
	d := run(t, Options{Redact: redact, Examples: 1},
		answered(0, 200, nil, `{"a":"b s3cret","b":1}`, response(200, nil, `{"a":"s3cret","b":2}`)))
	text, err := json.Marshal(d)
	require.NoError(t, err)
	require.NotContains(t, string(text), "s3cret")
	require.Contains(t, string(text), "b gd~x")
}

func TestBadRules(t *testing.T) {
	for _, text := range []string{"", "a", "$", "header:", "$..", "header:a b", "statuses"} {
		_, err := WithRecording(Options{Ignore: []string{text}})
		if text == "$" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "want $.path", text)
	}
	_, err := WithRecording(Options{Fallback: []string{"degraded=true"}})
	require.ErrorContains(t, err, "fallback:")
	_, err = WithRecording(Options{Ignore: make([]string, maxRules+1)})
	require.ErrorContains(t, err, "more than")
}

func TestBounds(t *testing.T) {
	var many []*replay.Answered
	for i := range 3 * maxFields {
		a := answered(0, 200, nil, fmt.Sprintf(`{"f%d":1}`, i), response(200, nil, `{}`))
		a.Path = "/" + strings.Repeat("x", i%30)
		many = append(many, a)
	}
	for i := range 3 * maxRoutes {
		a := answered(0, 200, nil, `{}`, response(200, nil, `{}`))
		a.Path = fmt.Sprintf("/%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676)
		many = append(many, a)
	}
	d := run(t, Options{}, many...)
	require.LessOrEqual(t, len(d.Routes), maxRoutes+1)
	for _, r := range d.Routes {
		require.LessOrEqual(t, len(r.Fields), maxFields)
	}
	wide := func(n int) string { return `{"a` + strings.Repeat(`":1,"a`, 3) + strings.Repeat("b", n) + `":1}` }
	require.Equal(t, map[gameday.DiffClass]int64{gameday.DiffWrong: 1}, run(t, Options{}, answered(0, 200, nil, wide(1), response(200, nil, wide(2)))).Classes)
	deep := strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000)
	run(t, Options{}, answered(0, 200, nil, deep, response(200, nil, deep[:9998])))
}

// FuzzCompare: an answer is identical with itself, and no pair of bodies breaks the comparison.
func FuzzCompare(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}]}`, `{"a":[{"b":null},1]}`, "$..a")
	f.Add(`"x"`, `<x>`, "$.a[3].b")
	f.Fuzz(func(t *testing.T, a, b, ignore string) {
		o := Options{}
		if _, err := newRule(ignore); err == nil {
			o.Ignore = []string{ignore}
		}
		if d := run(t, o, answered(0, 200, nil, a, response(200, nil, a))); d.Classes[gameday.DiffIdentical] != d.Compared {
			t.Errorf("%q differs from itself: %v", a, d)
		}
		run(t, o, answered(0, 200, nil, a, response(200, nil, b)))
	})
}

func BenchmarkCompare(b *testing.B) {
	var items []string
	for i := range 20 {
		items = append(items, fmt.Sprintf(`{"id":"p%d","name":"Green tea","price":%d,"stock":{"z1":4,"z2":5}}`, i, i*100))
	}
	body := `{"items":[` + strings.Join(items, ",") + `],"at":"2026-01-02T03:04:05Z"}`
	rules, err := newRules(Options{})
	require.NoError(b, err)
	fold := newFold(rules, Options{}, 1)
	m := &meeting{answers: [3]*replay.Answered{answered(0, 200, nil, body, response(200, nil, strings.Replace(body, ":05Z", ":06Z", 1)))}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		fold.compare(m)
	}
}
