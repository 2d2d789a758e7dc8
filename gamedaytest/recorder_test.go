package gamedaytest_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/gamedaytest"
	"github.com/gameday-dev/gameday/harness/platform/platformtest"
)

// TestMain is the program of the instances of a topology too. It lets more tests run at a time than there are processors: they wait far more than they work.
func TestMain(m *testing.M) {
	platformtest.ServeInstance()
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// recorder is a test of its own inside of a test: it takes down what the other one would have failed with.
type recorder struct {
	testing.TB
	dir string

	mu       sync.Mutex
	failures []string
	attrs    map[string]string
}

// attempts is how often a case is asked that a busy host kept from proving anything.
const attempts = 6

// busyHost is in what a case says that a busy host kept from proving anything, or may have failed.
var busyHost = regexp.MustCompile(`the host had spare capacity|load was offered on time|only 0 requests in the baseline`)

// host is shared by the first attempts of all cases, and held alone by every further one: by then the cases are each
// other's busy host.
var host sync.RWMutex

// attempt runs f, and the first time beside others.
func attempt(n int, f func()) {
	lock, unlock := host.Lock, host.Unlock
	if n == 1 {
		lock, unlock = host.RLock, host.RUnlock
	}
	lock()
	defer unlock()
	f()
}

// proveEnv is set where a machine that is too busy to prove anything fails the tests: nothing may go unproven there
// without anybody noticing. Elsewhere such a test is skipped, and says so.
const proveEnv = "GAMEDAY_PROVE"

// record runs f as a test, and returns what it said. It wants one of the verdicts, or none at all ("").
func record(t *testing.T, want string, f func(t testing.TB)) *recorder {
	t.Helper()
	for n := 1; ; n++ {
		var r *recorder
		attempt(n, func() { r = listen(t, f) })
		got, said := r.attrs["gameday.verdict"], strings.Join(r.failures, "\n")
		busy := busyHost.MatchString(said)
		switch {
		case n < attempts && (busy || got == "INCONCLUSIVE" && got != want):
			t.Logf("once more: %s", said)
		case got == want:
			return r
		case busy && os.Getenv(proveEnv) == "":
			t.Skipf("NOT PROVEN, this machine is too busy (%s=1 makes this a failure):\n%s", proveEnv, said)
		default:
			t.Fatalf("the verdict is %q, want %q:\n%s", got, want, said)
		}
	}
}

// listen runs f as a test, and returns what it said, whatever that is.
func listen(t *testing.T, f func(t testing.TB)) *recorder {
	r := &recorder{TB: t, dir: t.TempDir(), attrs: map[string]string{}}
	done := make(chan struct{})
	go func() { // which a fatal failure ends
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func (r *recorder) Helper()             {}
func (r *recorder) ArtifactDir() string { return r.dir }
func (r *recorder) Output() io.Writer   { return io.Discard }

func (r *recorder) Attr(key, value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attrs[key] = value
}

func (r *recorder) fail(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, text)
}

func (r *recorder) Error(args ...any)                 { r.fail(fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }
func (r *recorder) Fatal(args ...any)                 { r.fail(fmt.Sprint(args...)); runtime.Goexit() }

func (r *recorder) Fatalf(format string, args ...any) {
	r.fail(fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// said fails the real test unless the recorded one failed once, with all of the words.
func (r *recorder) said(words ...string) {
	r.TB.Helper()
	r.TB.Log(strings.Join(r.failures, "\n"))
	if len(r.failures) != 1 {
		r.TB.Fatalf("the test failed %d times, want once:\n%s", len(r.failures), strings.Join(r.failures, "\n"))
	}
	for _, word := range words {
		if !strings.Contains(r.failures[0], word) {
			r.TB.Errorf("the failure does not say %q:\n%s", word, r.failures[0])
		}
	}
}

// shop is a small system: a checkout that asks a stock service for every order.
type shop struct {
	stock *gamedaytest.Link
	url   string
}

// openShop starts a shop whose checkout waits so long for the stock, and then does without when it can.
func openShop(t testing.TB, patience time.Duration, without bool) shop {
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "7 left") }))
	t.Cleanup(stock.Close)
	link := gamedaytest.Proxy(t, "stock", stock.Listener.Addr().String())
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(client.CloseIdleConnections)
	checkout := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer, err := client.Get("http://" + link.Addr())
		if err != nil && !without {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if err == nil {
			_, _ = io.Copy(w, answer.Body)
			_ = answer.Body.Close()
		}
	}))
	t.Cleanup(checkout.Close)
	return shop{link, checkout.URL + "/checkout"}
}

// checkout is the shop's only flow.
func (s shop) checkout(slo ...string) []gamedaytest.Flow {
	return []gamedaytest.Flow{{Name: "checkout", Method: "POST", URL: s.url, Body: "{}", Rate: 30, SLO: slo}}
}

func ms(n int) gameday.Duration { return gameday.Duration(time.Duration(n) * time.Millisecond) }
