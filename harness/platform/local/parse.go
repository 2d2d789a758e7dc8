package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/gameday-dev/gameday"
)

// Parse reads a topology and writes its defaults in. The error joins all problems, each as
// "file:line:column: path: problem".
func Parse(file string, data []byte) (*Topology, error) {
	if len(data) > maxTopologyBytes {
		return nil, fmt.Errorf("%s:1:1: %d bytes exceed the limit of %d", file, len(data), maxTopologyBytes)
	}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := documents.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s:1:1: the file is empty; a topology begins with apiVersion: gameday/v1", file)
		}
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := documents.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: want one document, there is something behind the first", file)
	}
	var t Topology
	d := &decoder{file: file, places: map[string]place{}}
	if err := d.anotherKind(&root); err != nil {
		return nil, err
	}
	if len(root.Content) == 1 {
		d.decode("", root.Content[0], reflect.ValueOf(&t).Elem())
	}
	t.setDefaults()
	check(d, &t)
	if err := d.err(); err != nil {
		return nil, err
	}
	return &t, nil
}

const (
	defaultRestartDelay = gameday.Duration(time.Second)
	defaultDrain        = gameday.Duration(8 * time.Second)
)

func (t *Topology) setDefaults() {
	inside := slices.DeleteFunc(t.zoneNames(), func(name string) bool { return name == externalZone })
	for i := range t.Services {
		s := &t.Services[i]
		setDefault(&s.Replicas, 1)
		setDefault(&s.Max, s.Replicas)
		setDefault(&s.Criticality, "core")
		setDefault(&s.Restart.Policy, restartAlways)
		setDefault(&s.Restart.Delay, defaultRestartDelay)
		setDefault(&s.Drain, defaultDrain)
		setDefault(&s.Version, "v1")
		if s.Zones == nil {
			s.Zones = inside
		}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

var nameOf = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// check reports whatever cannot be run, at its place.
func check(d *decoder, t *Topology) {
	if t.APIVersion != "gameday/v1" {
		d.problem("apiVersion", "want gameday/v1, not %q", t.APIVersion)
	}
	if t.Kind != "Topology" {
		d.problem("kind", "want Topology, not %q", t.Kind)
	}
	checkName(d, "metadata.name", t.Metadata.Name)
	if t.Binary == "" {
		d.problem("binary", "missing: the program that every service runs")
	}
	checkZones(d, t)
	checkLatency(d, t)
	checkServices(d, t)
	checkEntries(d, t)
	if _, known := t.service(t.Discovery); t.Discovery != "" && !known {
		d.problem("discovery", "unknown service %q; known are %s", t.Discovery, list(t.serviceNames()))
	}
}

func checkName(d *decoder, path, name string) {
	if len(name) > 40 || !nameOf.MatchString(name) {
		d.problem(path, "want a name of at most 40 of a-z, 0-9 and inner hyphens, not %q", name)
	}
}

func checkRange[T int | gameday.Duration](d *decoder, path string, value, least, most T) {
	if value < least || value > most {
		d.problem(path, "want %v to %v, not %v", least, most, value)
	}
}

// once reports a value that two paths share, which names and numbers must not.
func once[T comparable](d *decoder, seen map[T]string, value T, path string) {
	if first, twice := seen[value]; twice {
		d.problem(path, "%v is already taken by %s", value, first)
		return
	}
	seen[value] = path
}

func checkZones(d *decoder, t *Topology) {
	checkRange(d, "zones", len(t.Zones), 1, maxZones)
	names, numbers := map[string]string{}, map[int]string{}
	for i, z := range t.Zones {
		path := fmt.Sprintf("zones[%d]", i)
		checkName(d, path+".name", z.Name)
		checkRange(d, path+".number", z.Number, 1, 254)
		once(d, names, z.Name, path+".name")
		once(d, numbers, z.Number, path+".number")
	}
}

func checkLatency(d *decoder, t *Topology) {
	seen := map[[2]string]string{}
	for i, l := range t.Latency {
		path := fmt.Sprintf("latency[%d]", i)
		checkRange(d, path+".rtt", l.RTT, 0, maxRoundTrip)
		if len(l.Between) != 2 || l.Between[0] == l.Between[1] {
			d.problem(path+".between", "want two different zones")
			continue
		}
		for _, name := range l.Between {
			checkZone(d, path+".between", t, name)
		}
		once(d, seen, [2]string{min(l.Between[0], l.Between[1]), max(l.Between[0], l.Between[1])}, path+".between")
	}
}

func checkZone(d *decoder, path string, t *Topology, name string) {
	if _, known := t.zone(name); !known {
		d.problem(path, "unknown zone %q; known are %s", name, list(t.zoneNames()))
	}
}

func checkServices(d *decoder, t *Topology) {
	checkRange(d, "services", len(t.Services), 1, maxServices)
	names, ids := map[string]string{}, map[int]string{}
	total := 0
	for i, s := range t.Services {
		path := fmt.Sprintf("services[%d]", i)
		checkName(d, path+".name", s.Name)
		once(d, names, s.Name, path+".name")
		once(d, ids, s.ID, path+".id")
		if s.Name == ClientService {
			d.problem(path+".name", "%s is the name of callers from outside", ClientService)
		}
		checkService(d, path, t, s)
		total += max(s.Replicas, 0)
	}
	if total > maxInstances {
		d.problem("services", "%d replicas in all exceed the limit of %d", total, maxInstances)
	}
}

func checkService(d *decoder, path string, t *Topology, s Service) {
	checkRange(d, path+".id", s.ID, 1, 254)
	checkRange(d, path+".replicas", s.Replicas, 1, maxInstances)
	checkRange(d, path+".max", s.Max, s.Replicas, maxInstances)
	checkRange(d, path+".drain", s.Drain, 0, maxDelay)
	checkRange(d, path+".restart.delay", s.Restart.Delay, 0, maxDelay)
	checkOneOf(d, path+".restart.policy", s.Restart.Policy, restartAlways, restartNever)
	checkOneOf(d, path+".criticality", s.Criticality, "core", "degradable", "sheddable")
	if len(s.Zones) == 0 {
		d.problem(path+".zones", "want at least one zone")
		return
	}
	seen := map[string]string{}
	for i, name := range s.Zones {
		at := fmt.Sprintf("%s.zones[%d]", path, i)
		checkZone(d, at, t, name)
		once(d, seen, name, at)
	}
	if perZone := 254 * len(s.Zones); s.Max > perZone {
		d.problem(path+".max", "want at most 254 in each of %d zones, not %d", len(s.Zones), s.Max)
	}
}

func checkOneOf(d *decoder, path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		d.problem(path, "want one of %s, not %q", list(allowed), value)
	}
}

func checkEntries(d *decoder, t *Topology) {
	names, listens := map[string]string{}, map[string]string{}
	for i, e := range t.Entries {
		path := fmt.Sprintf("entries[%d]", i)
		checkName(d, path+".name", e.Name)
		once(d, names, e.Name, path+".name")
		once(d, listens, e.Listen, path+".listen")
		if _, known := t.service(e.Service); !known {
			d.problem(path+".service", "unknown service %q; known are %s", e.Service, list(t.serviceNames()))
		}
		at, err := netip.ParseAddrPort(e.Listen)
		if err != nil || !at.Addr().Is4() || !at.Addr().IsLoopback() || at.Port() == 0 {
			d.problem(path+".listen", "want a loopback address and a port, such as 127.0.0.1:8080, not %q", e.Listen)
		}
	}
}
