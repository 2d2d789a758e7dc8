package local_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
)

func TestATopologyThatCannotStartSaysWhyAndLeavesNothing(t *testing.T) {
	for _, row := range []struct {
		about    string
		more     string
		prepare  func(t *testing.T, top *local.Topology)
		patience time.Duration // a minute when 0
		want     []string
	}{
		{
			"the binary was never built", "",
			func(_ *testing.T, top *local.Topology) { top.Binary = "/nonexistent/bin/shop" }, 0,
			[]string{"/nonexistent/bin/shop does not exist: run `make build` first"},
		},
		{
			"the binary is no program", "",
			func(t *testing.T, top *local.Topology) {
				top.Binary = filepath.Join(t.TempDir(), "shop")
				require.NoError(t, os.WriteFile(top.Binary, []byte("text"), 0o644))
			}, 0,
			[]string{"is not an executable file"},
		},
		{
			"an instance ends at once", "  - {name: broken, id: 40, restart: {delay: 1ms}, env: {GAMEDAY_TEST_CRASH: no such table}}\n", nil, 0,
			[]string{"instance broken-z1-1 ends before it is healthy", "exit status 3", "logs/broken-z1-1.log", "no such table"},
		},
		{
			"an instance that is never restarted ends at once", "  - {name: broken, id: 40, restart: {policy: never}, env: {GAMEDAY_TEST_CRASH: once}}\n", nil, 0,
			[]string{"instance broken-z1-1 ends before it is healthy", "once"},
		},
		{
			"an instance is never healthy", "  - {name: sick, id: 41, env: {GAMEDAY_TEST_SICK: \"yes\"}}\n", nil, 1500 * time.Millisecond,
			[]string{"instance sick-z1-1 is not healthy after 1.5s", "logs/sick-z1-1.log"},
		},
		{
			"somebody listens on a private port", "",
			func(t *testing.T, _ *local.Topology) {
				l, err := net.Listen("tcp4", "127.131.7.1:8081")
				require.NoError(t, err)
				t.Cleanup(func() { _ = l.Close() })
			}, 0,
			[]string{"port of echo-z1-1: listen tcp4 127.131.7.1:8081", "address already in use", "stop whatever listens there"},
		},
	} {
		t.Run(row.about, func(t *testing.T) {
			top := topology(t, 131, row.more)
			if row.prepare != nil {
				row.prepare(t, top)
			}
			s, err := local.Up(t.Context(), local.Config{Topology: top, Dir: t.TempDir(), Patience: row.patience})
			if err == nil {
				s.Close()
			}
			require.Error(t, err)
			for _, want := range row.want {
				require.ErrorContains(t, err, want)
			}
			require.Empty(t, children(t))
			_, err = net.DialTimeout("tcp4", "127.132.7.1:8079", time.Second)
			require.ErrorIs(t, err, syscall.ECONNREFUSED, "an instance is left")
		})
	}
}

// children lists the processes that this one started and that are not collected yet.
func children(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	require.NoError(t, err)
	var all []string
	for _, file := range files {
		data, _ := os.ReadFile(file) // the thread may have ended
		all = append(all, strings.Fields(string(data))...)
	}
	return all
}

// kill ends a process at once.
func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	require.NoError(t, err)
	require.NoError(t, p.Kill())
}

func TestStartingIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(200*time.Millisecond, func() { cancel(fmt.Errorf("enough")) })
	_, err := local.Up(ctx, local.Config{Topology: topology(t, 131, "  - {name: sick, id: 41, env: {GAMEDAY_TEST_SICK: \"yes\"}}\n"), Dir: t.TempDir()})
	require.ErrorContains(t, err, "enough")
	require.Empty(t, children(t))
}

func TestInstancesLiveByTheirPolicy(t *testing.T) {
	s := up(t, topology(t, 131, "  - {name: mayfly, id: 42, restart: {policy: never}}\n"))
	c := s.Client()
	instance := func(name string) local.Instance {
		all, err := c.Instances(t.Context())
		require.NoError(t, err)
		for _, in := range all {
			if in.Name == name {
				return in
			}
		}
		return local.Instance{}
	}
	was := instance("echo-z1-1")
	kill(t, was.PID)
	require.Eventually(t, func() bool { now := instance("echo-z1-1"); return now.Healthy && now.PID != was.PID }, patience, 10*time.Millisecond, "not restarted")
	require.Equal(t, 2, instance("echo-z1-1").Starts)
	require.Equal(t, "signal: killed", instance("echo-z1-1").LastExit)

	kill(t, instance("mayfly-z1-1").PID)
	require.Eventually(t, func() bool { return instance("mayfly-z1-1").State == "stopped" }, patience, 10*time.Millisecond)

	require.NoError(t, c.Stop(t.Context(), "echo-z1-1"))
	require.Eventually(t, func() bool { return instance("echo-z1-1").State == "stopped" }, patience, 10*time.Millisecond)
	require.Equal(t, "exit status 0", instance("echo-z1-1").LastExit, "stopped in an orderly way")
	_, err := net.Dial("tcp4", "127.131.7.1:8080")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "callers of what is down are refused")
	require.NoError(t, c.Start(t.Context(), "echo-z1-1"))
	require.Eventually(t, func() bool { return instance("echo-z1-1").Healthy }, patience, 10*time.Millisecond)
	require.ErrorIs(t, c.Start(t.Context(), "nobody"), gameday.ErrNoTarget)

	s.Close()
	require.Empty(t, children(t))
	s.Close()
}

func TestAZoneThatIsKilledStaysDownForNewcomersToo(t *testing.T) {
	s := up(t, topology(t, 131, "  - {name: pinned, id: 43, zones: [z3], max: 5, restart: {delay: 10ms}}\n"))
	c := s.Client()
	g := gameday.Grip{Fault: "zone", For: gameday.Duration(time.Minute), Lease: gameday.Duration(time.Minute)}
	zone := gameday.Target{Kind: gameday.KindZone, Name: "z3", Zone: "z3"}
	require.NoError(t, c.Hold(t.Context(), g.Fault, local.Change{
		For: g.For, Lease: g.Lease, Kill: []gameday.Target{zone},
		Links: []gameday.LinkRule{{From: gameday.Endpoint{Zone: "z3"}, Cut: true}, {To: gameday.Endpoint{Zone: "z3"}, Cut: true}},
	}))
	require.NoError(t, c.Scale(t.Context(), "pinned", 2))
	require.NoError(t, c.Scale(t.Context(), "echo", 6))
	require.Eventually(t, func() bool {
		up := 0
		all, err := c.Instances(t.Context())
		require.NoError(t, err)
		for _, in := range all {
			if in.Zone == "z3" {
				require.Zero(t, in.PID, "%s runs in a dead zone", in.Name)
			}
			if in.Service == "echo" && in.Healthy {
				up++
			}
		}
		return up == 5 // four in the first place, one of them in z3, and two more elsewhere
	}, patience, 10*time.Millisecond)
	held, err := c.Held(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"kill z3", "link @z3->* cut", "link *->@z3 cut"}, held[0].What)
	require.Contains(t, scrape(t, s), `gameday_truth_instances{alive="true",subject="pinned"} 0`)

	require.NoError(t, c.Release(t.Context(), g.Fault))
	require.Eventually(t, func() bool {
		found, err := c.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance, Zone: "z3"})
		require.NoError(t, err)
		for _, target := range found {
			if !target.Healthy {
				return false
			}
		}
		return len(found) >= 3
	}, patience, 10*time.Millisecond)
	ended, err := c.Ended(t.Context())
	require.NoError(t, err)
	require.Equal(t, "released", ended[0].Why)
}

func scrape(t *testing.T, s *local.Supervisor) string {
	t.Helper()
	answer, err := http.Get(s.Endpoint().URL + "/metrics")
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

func TestTheMetricsPageTellsTheTruth(t *testing.T) {
	top := topology(t, 131, "")
	top.Entries = []local.Entry{{Name: "front", Service: "echo", Listen: "127.131.0.1:8080"}}
	s := up(t, top)
	c := s.Client()
	for range 8 {
		answer, err := http.Post("http://127.131.0.1:8080/", "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		text, _ := io.ReadAll(answer.Body)
		require.Equal(t, "hello", string(text))
		_ = answer.Body.Close()
		http.DefaultClient.CloseIdleConnections() // each request on a connection of its own, so on the next backend
	}
	g := gameday.Grip{Fault: "slow", For: gameday.Duration(time.Minute), Lease: gameday.Duration(time.Minute)}
	require.NoError(t, c.Pause(t.Context(), gameday.Target{Kind: gameday.KindInstance, Name: "echo-z1-1"}, g))
	text := scrape(t, s)
	for _, want := range []string{
		`gameday_truth_instances{alive="true",subject="echo"} 3`,
		`gameday_truth_instances{alive="false",subject="echo"} 1`,
		`gameday_truth_instance_up{subject="echo",subject_version="v1",subject_zone="z1",target="echo-z1-1"} 0`,
		`gameday_truth_instance_up{subject="echo",subject_version="v1",subject_zone="z2",target="echo-z2-1"} 1`,
		`gameday_instance_starts_total{subject="echo",subject_zone="z2",target="echo-z2-1"} 1`,
		`gameday_fault_active{fault="slow",target="pause echo-z1-1"} 1`,
		`gameday_link_requests_total{code="200",dst="echo",dst_zone="z1",src="client",src_zone=""} 4`,
		`gameday_link_requests_total{code="200",dst="echo",dst_zone="z2",src="client",src_zone=""} 2`,
	} {
		require.Contains(t, text, want+"\n")
	}
	require.NoError(t, c.Release(t.Context(), "slow"))
	require.NotContains(t, scrape(t, s), "gameday_fault_active{")

	targets, err := c.ScrapeTargets(t.Context())
	require.NoError(t, err)
	require.Len(t, targets, 7)
	require.Equal(t, "http://127.131.10.1:8079/metrics", targets[1].URL)
	require.Equal(t, map[string]string{"job": "fixture", "service": "caller", "instance": "caller-z1-1", "zone": "z1"}, targets[1].Labels)
}

func TestNobodyGetsInWithoutTheToken(t *testing.T) {
	s := up(t, topology(t, 131, ""))
	e := s.Endpoint()
	ask := func(method, path, token, body string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), method, e.URL+path, strings.NewReader(body))
		require.NoError(t, err)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	for _, row := range []struct {
		about, method, path, token, body string
		status                           int
		want                             string
	}{
		{"no token", "GET", "/v1/instances", "", "", 401, "token"},
		{"another token", "POST", "/v1/kill", e.Token[1:] + "x", `{"instance":"echo-z1-1"}`, 401, "token"},
		{"an unknown field", "POST", "/v1/scale", e.Token, `{"service":"echo","count":3}`, 400, "unknown field"},
		{"more than a request may hold", "POST", "/v1/scale", e.Token, `{"service":"` + strings.Repeat("x", 2<<20) + `"}`, 400, "too large"},
		{"too many", "POST", "/v1/scale", e.Token, `{"service":"echo","replicas":13}`, 400, "want 1 to 12"},
		{"an unknown service", "POST", "/v1/scale", e.Token, `{"service":"nobody","replicas":1}`, 404, "known are echo, caller"},
		{"an endless hold", "PUT", "/v1/faults/f", e.Token, `{"for":"1m","kill":[{"kind":"instance","name":"echo-z1-1"}]}`, 400, "lease"},
		{"a hold on nothing", "PUT", "/v1/faults/f", e.Token, `{"for":"1m","lease":"15s"}`, 400, "want 1 to 1000 changes"},
		{"a trickle that would be no limit", "PUT", "/v1/faults/f", e.Token, `{"for":"1m","lease":"15s","links":[{"to":{"service":"echo"},"bandwidth":10}]}`, 400, "below the least"},
		{"a rule without effect", "PUT", "/v1/faults/f", e.Token, `{"for":"1m","lease":"15s","links":[{"to":{"service":"echo"}}]}`, 400, "changes nothing"},
		{"a fault that is not there", "GET", "/v1/faults/f", e.Token, "", 404, "nothing is held"},
		{"what the autoscaler asks", "POST", "/v1/scale", e.Token, `{"service":"echo","replicas":4}`, 204, ""},
	} {
		status, text := ask(row.method, row.path, row.token, row.body)
		require.Equal(t, row.status, status, "%s: %s", row.about, text)
		require.Contains(t, text, row.want, row.about)
	}
	stranger := local.NewClient(local.Endpoint{URL: e.URL, Token: "wrong"})
	_, err := stranger.Ping(t.Context())
	require.ErrorContains(t, err, "the token does not fit")
	ping, err := s.Client().Ping(t.Context())
	require.NoError(t, err)
	require.Equal(t, local.Ping{Topology: "test", PID: os.Getpid()}, ping)
}

func TestAnEndpointIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "up", "endpoint.json")
	_, err := local.ReadEndpoint(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	e := local.Endpoint{URL: "http://127.0.0.1:1", Token: "secret", PID: 42, Started: time.Now().Round(0).UTC()}
	require.NoError(t, local.WriteEndpoint(path, e))
	require.NoError(t, local.WriteEndpoint(path, e), "written over")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	got, err := local.ReadEndpoint(path)
	require.NoError(t, err)
	require.Equal(t, e, got)
	_, err = local.NewClient(e).Ping(t.Context())
	require.ErrorContains(t, err, "is it still up?")
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = local.ReadEndpoint(path)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = local.ReadEndpoint(path)
	require.ErrorContains(t, err, "not what `gameday up` writes")
}

func TestAnInstanceIsToldWhereItIs(t *testing.T) {
	top := topology(t, 131, "")
	top.Discovery = "caller"
	top.Services[1].Control = true
	s := up(t, top)
	all, err := s.Client().Instances(t.Context())
	require.NoError(t, err)
	environment := func(pid int) string {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		require.NoError(t, err)
		return "\x00" + string(data)
	}
	for _, in := range all {
		env := environment(in.PID)
		for _, want := range []string{
			"GAMEDAY_SERVICE=" + in.Service, "GAMEDAY_INSTANCE=" + in.Name, "GAMEDAY_ZONE=" + in.Zone, "GAMEDAY_ADDR=" + in.Addr,
			"GAMEDAY_VERSION=v1", "GAMEDAY_CONTROL=" + s.Endpoint().URL, "GAMEDAY_SEED=1",
			"GAMEDAY_SEEDS=127.131.10.1:8080,127.132.10.1:8080", "GOMAXPROCS=1",
		} {
			require.Contains(t, env, "\x00"+want+"\x00")
		}
		require.Equal(t, in.Service == "caller", strings.Contains(env, "GAMEDAY_TOKEN="+s.Endpoint().Token), "only who controls has the token")
	}
}

// TestSixtyInstancesComeUpAndGo says how long that takes; `make bench` starts as many of the supermarket's.
func TestSixtyInstancesComeUpAndGo(t *testing.T) {
	if testing.Short() {
		t.Skip("60 processes are not for short tests")
	}
	top := topology(t, 131, "")
	top.Services[0].Replicas, top.Services[0].Max = 58, 58
	start := time.Now()
	s := up(t, top)
	t.Logf("60 instances up and healthy in %v", time.Since(start))
	start = time.Now()
	s.Close()
	require.Empty(t, children(t))
	t.Logf("and gone in %v", time.Since(start))
}
