package local

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

const smallTopology = `apiVersion: gameday/v1
kind: Topology
metadata: {name: small}
zones:
  - {name: z1, number: 131}
  - {name: z3, number: 133}
  - {name: ext, number: 139}
latency:
  - {between: [z1, z3], rtt: 30ms}
discovery: registry
entries:
  - {name: shop, service: product, listen: "127.0.0.1:8080"}
binary: bin/shop
services:
  - {name: registry, id: 31}
  - name: product
    id: 7
    replicas: 4
    max: 40
    labels: {gameday: allowed}
`

func TestDefaultsAreWrittenIn(t *testing.T) {
	top, err := Parse("small.yaml", []byte(smallTopology))
	require.NoError(t, err)
	require.Equal(t, Service{
		Name: "registry", ID: 31, Replicas: 1, Max: 1, Zones: []string{"z1", "z3"}, Criticality: "core",
		Restart: Restart{Policy: "always", Delay: gameday.Duration(time.Second)}, Drain: gameday.Duration(8 * time.Second), Version: "v1",
	}, top.Services[0])
	require.Equal(t, 40, top.Services[1].Max)
	require.Equal(t, 15*time.Millisecond, top.oneWay("z3", "z1"))
	require.Zero(t, top.oneWay("z1", "z1"))
}

func TestAllProblemsAreReportedAtTheirPlaces(t *testing.T) {
	for _, row := range []struct {
		about, old, new string
		want            []string
	}{
		{"an unknown field", "max: 40", "maximum: 40", []string{"small.yaml:19:5: services[1].maximum: unknown field"}},
		{"a field given twice", "max: 40", "id: 8", []string{"small.yaml:19:5: services[1].id: given twice, first on line 17"}},
		{"a number where text belongs", "name: product\n", "name: 12\n", []string{"small.yaml:16:11: services[1].name: want text, not \"12\"", "entries[0].service: unknown service \"product\""}},
		{"text where a number belongs", "replicas: 4", "replicas: four", []string{"small.yaml:18:15: services[1].replicas: want a whole number, not \"four\""}},
		{"a bad unit", "rtt: 30ms", "rtt: 30", []string{"small.yaml:9:30: latency[0].rtt: invalid duration \"30\""}},
		{"a service id that is taken", "id: 7", "id: 31", []string{"small.yaml:17:9: services[1].id: 31 is already taken by services[0].id"}},
		{"a zone that is nowhere", "between: [z1, z3]", "between: [z1, z4]", []string{`unknown zone "z4"; known are z1, z3, ext`}},
		{"an entry outside of the loopback range", "127.0.0.1:8080", "0.0.0.0:8080", []string{"entries[0].listen: want a loopback address"}},
		{"too many", "replicas: 4", "replicas: 1001", []string{"services[1].replicas: want 1 to 1000, not 1001"}},
		{"less room than replicas", "max: 40", "max: 3", []string{"services[1].max: want 4 to 1000, not 3"}},
		{"an alias", "labels: {gameday: allowed}", "labels: &x {gameday: allowed}", []string{"anchors and aliases are not allowed"}},
		{"a list where a mapping belongs", "metadata: {name: small}", "metadata: [small]", []string{"small.yaml:3:11: metadata: want a mapping, not a list"}},
		{"a reserved name", "name: registry, id: 31", "name: client, id: 31", []string{"client is the name of callers from outside", `discovery: unknown service "registry"`}},
		{"another kind", "kind: Topology", "kind: Scenario", []string{`small.yaml:2:7: kind: a file of kind Scenario is no topology`}},
	} {
		t.Run(row.about, func(t *testing.T) {
			require.Contains(t, smallTopology, row.old)
			_, err := Parse("small.yaml", []byte(strings.Replace(smallTopology, row.old, row.new, 1)))
			require.Error(t, err)
			for _, want := range row.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestMalformedFilesAreOneClearProblem(t *testing.T) {
	for about, data := range map[string]string{
		"nothing":       "",
		"no mapping":    "42",
		"broken yaml":   "services: [",
		"two documents": smallTopology + "---\nkind: Topology\n",
	} {
		_, err := Parse("small.yaml", []byte(data))
		require.ErrorContains(t, err, "small.yaml", about)
	}
}

func TestSharedLabelsAreThoseOfEveryServiceConcerned(t *testing.T) {
	top, err := Parse("small.yaml", []byte(smallTopology))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"gameday": "allowed"}, top.labelsOf("product"))
	require.Empty(t, top.labelsOf("product", "registry"))
	require.Empty(t, top.labelsOf())
}

// FuzzParse checks that anything is either a topology that can be run or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(smallTopology))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		top, err := Parse("fuzz.yaml", data)
		if err != nil {
			return
		}
		for i := range top.Services {
			s := &top.Services[i]
			for _, zone := range s.Zones {
				z, known := top.zone(zone)
				if !known || !address(z, s, 1).IsLoopback() {
					t.Fatalf("service %s cannot run in %s", s.Name, zone)
				}
			}
		}
	})
}
