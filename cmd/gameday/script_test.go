package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/wire"
	"github.com/gameday-dev/gameday/replay/tape"
)

func TestMain(m *testing.M) {
	serveTinyIfAsked()
	_ = flag.Set("test.parallel", "6") // unless the command line says otherwise: scripts wait far more than they work
	testscript.Main(m, map[string]func(){
		"gameday": func() {
			g := &global{stdout: os.Stdout, stderr: os.Stderr}
			g.tune = func(o *wire.RunOptions) { tuneForTests(g, o) }
			os.Exit(run(os.Args[1:], g))
		},
	})
}

// tuneForTests lets a test end the process at an event, send it a signal at the moment before and after its verdict is
// settled, and not wait long for what cannot be healed. The machine is calm.
func tuneForTests(g *global, o *wire.RunOptions) {
	o.Host = calm{}
	o.Observe = dieAt(os.Getenv("GAMEDAY_TEST_DIE_AT"))
	interrupt := func() { tell(os.Getpid(), os.Interrupt) }
	switch os.Getenv("GAMEDAY_TEST_SIGNAL") {
	case "while judging":
		o.Settle = func(exit int) bool {
			interrupt()
			eventually(10*time.Second, func() bool {
				g.ending.mu.Lock()
				defer g.ending.mu.Unlock()
				return g.ending.signal
			})
			return g.ending.settle(exit)
		}
	case "after the verdict":
		o.Settle = func(exit int) bool {
			defer interrupt()
			return g.ending.settle(exit)
		}
	}
	o.HealLimit, _ = time.ParseDuration(os.Getenv("GAMEDAY_TEST_HEAL_LIMIT")) // the default when unset
}

// TestScripts runs the command as people do, from outside: one file of testdata/script is one story. Besides what
// testscript brings, scripts know the commands in scriptCommands, and begin with topology.yaml of the tiny system
// and tiny.gdtape, a recording of it. DOOR is the URL of its entry.
func TestScripts(t *testing.T) {
	needLinux(t)
	t.Parallel()
	tape := tinyTape(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), Cmds: scriptCommands(), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			slot := nextSlot()
			env.Setenv("DOOR", "http://"+tinyDoor(slot))
			env.Setenv("SLOT", strconv.Itoa(slot))
			env.Setenv("GAMEDAY_TEST_HEAL_LIMIT", "5s")
			shared, err := filepath.Abs("../../../shared/data") // real recordings, too large for the repository
			if err != nil {
				return err
			}
			env.Setenv("DATA", shared)
			env.Values["T"] = env.T()
			env.Values["chat"] = &chatRoom{talks: map[string]int{}}
			env.Values["prometheus"] = httptest.NewServer(http.HandlerFunc(answerOne))
			env.Defer(env.Values["prometheus"].(*httptest.Server).Close)
			copied := errors.Join(os.CopyFS(env.WorkDir, os.DirFS(filepath.Dir(tape))), os.CopyFS(env.WorkDir, os.DirFS("testdata/tiny")))
			return errors.Join(copied, os.WriteFile(filepath.Join(env.WorkDir, "topology.yaml"), []byte(tinyTopology(t, slot)), 0o644))
		},
	})
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the local platform needs Linux: other systems do not answer at all of 127.0.0.0/8")
	}
}

var slots atomic.Int32

// nextSlot returns a range of addresses that no other test uses.
func nextSlot() int { return int(slots.Add(1)) }

// tinyTape records two seconds of traffic through `gameday capture`, and returns the path of the tape.
func tinyTape(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer((&tiny{name: "front", mode: tinyCalm}).pages())
	defer server.Close()
	tape := filepath.Join(t.TempDir(), "tiny.gdtape")
	recorder := exec.Command("gameday", "capture", "--to", server.URL, "--listen", "127.0.0.1:0", "--out", tape)
	var counts bytes.Buffer
	recorder.Stdout = &counts
	said, err := recorder.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, recorder.Start())
	defer recorder.Process.Kill() //nolint:errcheck // it has ended by then, unless the test fails
	line := make([]byte, 200)
	n, err := said.Read(line)
	require.NoError(t, err)
	proxy := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).Find(line[:n])
	require.NotEmpty(t, proxy, "%s", line[:n])
	const requests = 80
	for i := range requests {
		page := []string{"/", "/", "/slow", "/?page=2"}[i%4]
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, string(proxy)+page, nil)
		require.NoError(t, err)
		request.AddCookie(&http.Cookie{Name: "sid", Value: fmt.Sprint("customer-", i%8)})
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, answer.Body)
		require.NoError(t, answer.Body.Close())
		time.Sleep(15 * time.Millisecond) // the spacing that the tape is to have
	}
	require.NoError(t, recorder.Process.Signal(os.Interrupt))
	go io.Copy(io.Discard, said) //nolint:errcheck // ends with the process
	require.NoError(t, recorder.Wait())
	require.Equal(t, fmt.Sprintf("%d arrived: %[1]d recorded, 0 filtered, 0 sampled out, 0 lost; 0 with a body cut, 0 broken off\n", requests), counts.String())
	return tape
}

type scriptCommand = func(ts *testscript.TestScript, neg bool, args []string)

// scriptCommands are what scripts can do beyond testscript.
func scriptCommands() map[string]scriptCommand {
	return map[string]scriptCommand{
		"exits":    scriptExits,
		"passes":   scriptPasses,
		"signal":   scriptSignal,
		"await":    scriptAwait,
		"lastrun":  scriptLastRun,
		"nothing":  scriptNothing,
		"replace":  scriptReplace,
		"truncate": scriptTruncate,
		"corrupt":  scriptCorrupt,
		"needs":    scriptNeeds,
		"brief":    scriptBrief,
		"listen":   scriptListen,
		"serve":    scriptServe,
		"remote":   scriptRemote,
		"tmpfs":    scriptTmpfs,
		"fill":     scriptFill,
		"chat":     scriptChat,
		"talk":     scriptTalk,
		"heard":    scriptHeard,
	}
}

// exits CODE[|CODE...] PROGRAM ARG...: the program ends with exactly this exit code, or one of these.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	code := strconv.Itoa(exitCode(ts, args[1:]))
	if !slices.Contains(strings.Split(args[0], "|"), code) {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Check(err)
	return -1
}

// passes PROGRAM ARG...: the run passes. One at a time, and the best of five: a machine that keeps a process waiting
// for a second shows nothing.
func scriptPasses(ts *testscript.TestScript, _ bool, args []string) {
	alone.Lock()
	defer alone.Unlock()
	code := 0
	for range 5 {
		if code = exitCode(ts, args); code == 0 {
			return
		}
	}
	ts.Fatalf("exit code %d, want 0", code)
}

// alone is held by the one run that is to pass.
var alone sync.Mutex

// calm is a machine that has something to spare. Whether the one that runs the tests has is no matter of the scripts:
// what a busy host does to a verdict is shown in package judge.
type calm struct{}

func (calm) Collect() []gameday.Sample {
	return []gameday.Sample{{Name: "gameday_host_cpu_ratio", Value: 0.5}, {Name: "gameday_host_steal_ratio", Value: 0}}
}

func skip(ts *testscript.TestScript, why string) { ts.Value("T").(testscript.T).Skip(why) }

// signal SIGNAL at EVENT [TIME]: once the journal of the next run holds the event (and the time has passed), its
// process gets the signal.
func scriptSignal(ts *testscript.TestScript, _ bool, args []string) {
	sig := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM}[args[0]]
	earlier := newestRun(ts)
	inBackground(ts, func() { awaitEvent(ts, earlier, args[2]) }, func() {
		if len(args) > 3 {
			delay, _ := time.ParseDuration(args[3])
			time.Sleep(delay) // the moment within an event's aftermath is the point of the script
		}
		var meta struct{ PID int }
		readJSON(newestRun(ts)+"/meta.json", &meta)
		tell(meta.PID, sig)
	})
}

// tell sends a process a signal. Whether it is still there does not matter.
func tell(pid int, sig os.Signal) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Signal(sig)
	}
}

// inBackground waits and then acts, and is over when the script is.
func inBackground(ts *testscript.TestScript, wait, act func()) {
	var done sync.WaitGroup
	done.Go(func() {
		wait()
		act()
	})
	ts.Defer(done.Wait)
}

// awaitEvent waits until the journal of a newer run holds the event, up to 30 seconds.
func awaitEvent(ts *testscript.TestScript, earlier, event string) {
	eventually(30*time.Second, func() bool {
		run := newestRun(ts)
		text, err := os.ReadFile(run + "/journal.jsonl")
		return err == nil && run != earlier && regexp.MustCompile(`"kind":"`+event).Match(text)
	})
}

func eventually(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

// await FILE [REGEXP]: the file exists (and has text that matches), within 30 seconds.
func scriptAwait(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(strings.Join(args[1:], " "))
	if !eventually(30*time.Second, func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(text)
	}) {
		ts.Fatalf("%s did not come", strings.Join(args, " "))
	}
}

func newestRun(ts *testscript.TestScript) string {
	runs, _ := filepath.Glob(filepath.Join(ts.Getenv("WORK"), "runs", "2*")) // sorted, and so are the ids in time
	if len(runs) == 0 {
		return "none"
	}
	return runs[len(runs)-1]
}

// lastrun: RUN is the directory of the newest run.
func scriptLastRun(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("RUN", newestRun(ts)) }

// nothing runs: no process that the script started is left, and none of theirs.
func scriptNothing(ts *testscript.TestScript, _ bool, _ []string) {
	var left []string
	if !eventually(3*time.Second, func() bool {
		left = processesOf(ts.Getenv("WORK"))
		return len(left) == 0
	}) {
		ts.Fatalf("still running: %s", strings.Join(left, ", "))
	}
}

// processesOf lists the processes that run with WORK=dir in their environment.
func processesOf(dir string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []string
	for _, file := range files {
		env, err := os.ReadFile(file) // it may have ended, or be another user's
		if err != nil || !bytes.Contains(env, []byte("WORK="+dir+"\x00")) {
			continue
		}
		command, _ := os.ReadFile(filepath.Dir(file) + "/cmdline")
		found = append(found, fmt.Sprintf("%s (%s)", filepath.Base(filepath.Dir(file)), bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
	}
	return found
}

// replace FILE OLD NEW: the first such text in the file becomes the other; \n is the end of a line.
func scriptReplace(ts *testscript.TestScript, _ bool, args []string) {
	ends := strings.NewReplacer(`\n`, "\n")
	text, old := ts.ReadFile(args[0]), ends.Replace(args[1])
	if !strings.Contains(text, old) {
		ts.Fatalf("%s does not hold %q", args[0], old)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, ends.Replace(args[2]), 1)), 0o644))
}

// truncate FILE PERCENT: that share of the file is left.
func scriptTruncate(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	percent, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()*percent/100))
}

// corrupt TAPE PERCENT: some bytes of a frame of the tape, there or behind, are others, so that requests are lost: not all frames
// hold some.
func scriptCorrupt(ts *testscript.TestScript, _ bool, args []string) {
	whole := []byte(ts.ReadFile(args[0]))
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	for at := len(whole) * percent / 100; at+8 < len(whole); at += 32 {
		text := bytes.Clone(whole)
		for i := range 8 {
			text[at+i] ^= 0xff
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o644))
		info, err := tape.Verify(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(info.Damage) > 0 && info.Damage[0].Lost > 0 {
			return
		}
	}
	ts.Fatalf("no frame behind %s %% of %s holds requests", args[1], args[0])
}

// needs FILE: without it the script is skipped.
func scriptNeeds(ts *testscript.TestScript, _ bool, args []string) {
	if _, err := os.Stat(args[0]); err != nil {
		skip(ts, fmt.Sprintf("there is no %s here", args[0]))
	}
}

// brief [LINES]: what the last program said on stderr is one message of at most so many lines (5).
func scriptBrief(ts *testscript.TestScript, _ bool, args []string) {
	most := 5
	if len(args) > 0 {
		most, _ = strconv.Atoi(args[0])
	}
	_, message, found := strings.Cut("\n"+ts.ReadFile("stderr"), "\ngameday: ")
	if lines := strings.Count(strings.TrimSpace(message), "\n") + 1; !found || lines > most {
		ts.Fatalf("want one message of at most %d lines", most)
	}
}

// listen ADDRESS: somebody else takes the address.
func scriptListen(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp4", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
}

// serve STATUS: URL is that of a server that answers everything with the status.
func scriptServe(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}

// remote [stop]: URL is that of a Prometheus, with the credentials that it wants; or it is there no more.
func scriptRemote(ts *testscript.TestScript, _ bool, args []string) {
	server := ts.Value("prometheus").(*httptest.Server)
	if len(args) > 0 {
		server.Close()
		return
	}
	ts.Setenv("URL", "http://ada:sesame@"+server.Listener.Addr().String())
}

// answerOne is a Prometheus that says 1 to every question of those it knows, at each second.
func answerOne(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != "ada" || password != "sesame" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	from, fromErr := strconv.ParseFloat(r.FormValue("start"), 64)
	to, toErr := strconv.ParseFloat(r.FormValue("end"), 64)
	step, stepErr := strconv.ParseFloat(r.FormValue("step"), 64)
	if errors.Join(fromErr, toErr, stepErr) != nil || step <= 0 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var points []string
	for at := from; at <= to+step/2; at += step {
		points = append(points, fmt.Sprintf(`[%.3f,"1"]`, at))
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(points, ","))
}

// fill DIR at EVENT: once the journal of the next run holds the event, the disk of the directory is full.
func scriptFill(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(ts.MkAbs(args[0]), "ballast")
	earlier := newestRun(ts)
	inBackground(ts, func() { awaitEvent(ts, earlier, args[2]) }, func() {
		f, err := os.Create(path)
		if err != nil {
			return
		}
		defer f.Close() //nolint:errcheck // it is meant to be full
		for size := 64 << 10; size > 0; size /= 8 {
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, size))
			}
		}
	})
}
