package local

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
)

// Limits of a topology. Addresses bound the rest: an index per zone and service is 1 to 254.
const (
	maxTopologyBytes = 1 << 20
	maxInstances     = 1000
	maxZones         = 64
	maxServices      = 200
	maxDelay         = gameday.Duration(5 * time.Minute)
	maxRoundTrip     = gameday.Duration(10 * time.Second)
)

// Ports of every instance, all below the range from which the kernel takes ports for outgoing
// connections. Callers dial the public ones, where the link proxy listens.
const (
	portAdmin       = 8079
	portPublic      = 8080
	portPrivate     = 8081
	portGRPCPublic  = 9090
	portGRPCPrivate = 9091
)

// ClientService is the name of callers from 127.0.0.1: load generators, people, outside of every zone.
const ClientService = "client"

// externalZone is where services go only when they name it.
const externalZone = "ext"

// Topology says what to run. Parse one from a file; defaults are then written in.
type Topology struct {
	APIVersion string    `yaml:"apiVersion"`
	Kind       string    `yaml:"kind"`
	Metadata   Metadata  `yaml:"metadata"`
	Zones      []Zone    `yaml:"zones"`
	Latency    []Latency `yaml:"latency"`
	Discovery  string    `yaml:"discovery"` // the service whose public addresses every instance is told
	Entries    []Entry   `yaml:"entries"`
	Binary     string    `yaml:"binary"` // of all services; relative to the topology file
	Services   []Service `yaml:"services"`
}

// Metadata names a topology.
type Metadata struct {
	Name string `yaml:"name"`
}

// Zone is a failure domain. Its number, 1 to 254, is the second part of its instances' addresses.
type Zone struct {
	Name   string `yaml:"name"`
	Number int    `yaml:"number"`
}

// Latency is the standing distance between two zones.
type Latency struct {
	Between []string         `yaml:"between"`
	RTT     gameday.Duration `yaml:"rtt"`
}

// Entry is a front door: connections to it go to healthy instances of a service in turn.
type Entry struct {
	Name    string `yaml:"name"`
	Service string `yaml:"service"`
	Listen  string `yaml:"listen"`
}

// Service is a set of equal instances.
type Service struct {
	Name        string            `yaml:"name"`
	ID          int               `yaml:"id"` // 1 to 254, the third part of its instances' addresses
	Replicas    int               `yaml:"replicas"`
	Max         int               `yaml:"max"`
	Zones       []string          `yaml:"zones"`
	Args        []string          `yaml:"args"`
	Criticality string            `yaml:"criticality"`
	GRPC        bool              `yaml:"grpc"`    // speaks gRPC on a second port
	Control     bool              `yaml:"control"` // is given the token of the control API
	Restart     Restart           `yaml:"restart"`
	Drain       gameday.Duration  `yaml:"drain"`
	Version     string            `yaml:"version"`
	Labels      map[string]string `yaml:"labels"`
	Env         map[string]string `yaml:"env"`
}

// Restart says what happens when an instance ends by itself.
type Restart struct {
	Policy string           `yaml:"policy"`
	Delay  gameday.Duration `yaml:"delay"`
}

// Restart policies.
const (
	restartAlways = "always"
	restartNever  = "never"
)

// Load reads and parses a topology file. Its binary becomes an absolute path and must exist.
func Load(file string) (*Topology, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("load topology: %w", err)
	}
	if info.Size() > maxTopologyBytes {
		return nil, fmt.Errorf("load topology %s: %d bytes exceed the limit of %d", file, info.Size(), maxTopologyBytes)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load topology: %w", err)
	}
	t, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(t.Binary) {
		dir, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("load topology %s: %w", file, err)
		}
		t.Binary = filepath.Join(dir, t.Binary)
	}
	return t, nil
}

// checkBinary says whether the binary of a topology can be run.
func checkBinary(path string) error {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("binary %s does not exist: run `make build` first", path)
	case err != nil:
		return fmt.Errorf("look at binary: %w", err)
	case info.IsDir() || info.Mode()&0o111 == 0:
		return fmt.Errorf("binary %s is not an executable file", path)
	}
	return nil
}

func (t *Topology) zone(name string) (Zone, bool) {
	i := slices.IndexFunc(t.Zones, func(z Zone) bool { return z.Name == name })
	if i < 0 {
		return Zone{}, false
	}
	return t.Zones[i], true
}

func (t *Topology) service(name string) (*Service, bool) {
	i := slices.IndexFunc(t.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return &t.Services[i], true
}

// oneWay returns the standing latency in one direction between two zones, 0 when none is given.
func (t *Topology) oneWay(a, b string) time.Duration {
	for _, l := range t.Latency {
		if slices.Contains(l.Between, a) && slices.Contains(l.Between, b) && a != b {
			return l.RTT.Std() / 2
		}
	}
	return 0
}

// address returns the loopback address of an instance.
func address(z Zone, s *Service, index int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, byte(z.Number), byte(s.ID), byte(index)})
}

func instanceName(service, zone string, index int) string {
	return fmt.Sprintf("%s-%s-%d", service, zone, index)
}

// labelsOf returns the labels that all the named services share; all services when none is named. What
// touches several services has opted in when each of them has.
func (t *Topology) labelsOf(names ...string) map[string]string {
	var shared map[string]string
	for _, s := range t.Services {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		if shared == nil {
			shared = map[string]string{}
			maps.Copy(shared, s.Labels)
			continue
		}
		for k, v := range shared {
			if s.Labels[k] != v {
				delete(shared, k)
			}
		}
	}
	return shared
}

func (t *Topology) serviceNames() []string {
	names := make([]string, 0, len(t.Services))
	for _, s := range t.Services {
		names = append(names, s.Name)
	}
	return names
}

func (t *Topology) zoneNames() []string {
	names := make([]string, 0, len(t.Zones))
	for _, z := range t.Zones {
		names = append(names, z.Name)
	}
	return names
}

func list(names []string) string { return strings.Join(names, ", ") }
