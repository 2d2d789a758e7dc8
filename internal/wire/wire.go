// Package wire joins the parts of gameday for those who start it: the command and gamedaytest. It holds what
// both need (compile a scenario, carry out a plan, judge, render, recover) and no policy of its own.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/platform/local"
	"github.com/gameday-dev/gameday/harness/store"
)

// StoreDir is where runs are kept unless something else is asked for.
const StoreDir = "runs"

// endpointFile is where `gameday up` leaves its address, in the store, for runs to attach to.
const endpointFile = "up.json"

// Topology is a running system under test.
type Topology struct {
	Client     *local.Client
	Endpoint   string // file with the address, for recovery from another process
	supervisor *local.Supervisor
}

// Close stops what this process started and leaves alone what it attached to.
func (t *Topology) Close() {
	t.Client.Close()
	if t.supervisor != nil {
		t.supervisor.Close()
		_ = os.Remove(t.Endpoint) // it says nothing any more
	}
}

// UpOptions say what to start.
type UpOptions struct {
	Topology string         // path of the topology file
	Replicas map[string]int // per service, instead of the file's
	Dir      string         // for logs, data and the endpoint file
	Endpoint string         // path of the endpoint file
	Seed     uint64
	Env      []string // NAME=VALUE for every instance
	Patience time.Duration
	Waiting  func(healthy, all int) // told while instances are not healthy yet; may be nil
}

// Up starts a topology and waits until it is healthy.
func Up(ctx context.Context, o UpOptions) (*Topology, error) {
	t, err := local.Load(o.Topology)
	if err != nil {
		return nil, Refused{err}
	}
	if err := t.Replicate(o.Replicas); err != nil {
		return nil, Refused{err}
	}
	s, err := local.Up(ctx, local.Config{Topology: t, Dir: o.Dir, Seed: o.Seed, Env: o.Env, Patience: o.Patience, Waiting: o.Waiting})
	if err != nil {
		return nil, err
	}
	up := &Topology{Client: s.Client(), Endpoint: o.Endpoint, supervisor: s}
	if err := local.WriteEndpoint(o.Endpoint, s.Endpoint()); err != nil {
		up.Close()
		return nil, err
	}
	return up, nil
}

// pingLimit is for a topology to say that it lives.
const pingLimit = 5 * time.Second

var errSilent = errors.New("it does not answer")

// Attach connects to the topology that `gameday up` keeps on the store at root. It returns nil when there is none: no
// file says where, or nobody listens there any more. Anything else that keeps it from answering is an error, for the
// topology may well live, with faults in it.
func Attach(ctx context.Context, root string) (*Topology, error) {
	path := EndpointPath(root)
	e, err := local.ReadEndpoint(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing to attach to is a normal answer
	}
	if err != nil {
		return nil, err
	}
	client := local.NewClient(e)
	limited, cancel := context.WithTimeoutCause(ctx, pingLimit, errSilent)
	defer cancel()
	switch _, err := client.Ping(limited); {
	case err == nil:
	case errors.Is(err, syscall.ECONNREFUSED):
		client.Close()
		return nil, nil //nolint:nilnil // a file left by a topology that is gone
	case ctx.Err() != nil:
		client.Close()
		return nil, err
	default:
		client.Close()
		return nil, fmt.Errorf("attach to the topology of %s: %w: if it is gone, remove that file; else stop its process (%d), or use another --store", path, err, e.PID)
	}
	return &Topology{Client: client, Endpoint: path}, nil
}

// fits refuses a topology that is not what the scenario was written for: its verdict would be about another
// experiment.
func (t *Topology) fits(ctx context.Context, env gameday.Environment) error {
	wanted, err := local.Load(env.Topology)
	if err != nil {
		return err
	}
	ping, err := t.Client.Ping(ctx)
	if err != nil {
		return err
	}
	if ping.Topology != wanted.Metadata.Name {
		return fmt.Errorf("the topology that is kept up is %s, the scenario wants %s: stop it, or run with another --store", ping.Topology, wanted.Metadata.Name)
	}
	instances, err := t.Client.Instances(ctx)
	if err != nil {
		return err
	}
	running := map[string]int{}
	for _, in := range instances {
		running[in.Service]++
	}
	var have, want []string
	for _, service := range slices.Sorted(maps.Keys(env.Replicas)) {
		if n := env.Replicas[service]; running[service] != n {
			have = append(have, fmt.Sprintf("%s=%d", service, running[service]))
			want = append(want, fmt.Sprintf("%s=%d", service, n))
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("kept up are %s, and the scenario wants %[2]s: start `gameday up` with --replicas %[2]s, or run with another --store", strings.Join(have, ","), strings.Join(want, ","))
	}
	return nil
}

// EndpointPath returns where the topology of a store leaves its address: absolute, because a record of it is
// read from other directories.
func EndpointPath(root string) string { return absolute(filepath.Join(root, endpointFile)) }

// absolute returns path from the root of the file system, or as it is when the working directory is gone.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Dir returns the directory of the run that ref names: a directory, an id, the start of one, or "last".
func Dir(root, ref string) (string, error) {
	if info, err := os.Stat(filepath.Join(ref, "plan.json")); err == nil && !info.IsDir() {
		return ref, nil
	}
	s, err := existing(root)
	if err != nil {
		return "", err
	}
	id, err := s.Resolve(ref)
	if err != nil {
		return "", err
	}
	return s.Dir(id), nil
}

// existing opens a store that is there already: who only looks makes none.
func existing(root string) (*store.Store, error) {
	if _, err := os.Stat(root); err != nil {
		return nil, fmt.Errorf("open store: %w: name the directory of the runs with --store; the first run makes it", err)
	}
	return store.Open(root)
}
