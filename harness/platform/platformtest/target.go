package platformtest

import (
	"testing"

	"github.com/gameday-dev/gameday"
)

func checkFind(t *testing.T, w *world) {
	all := w.instances(t)
	if len(all) != CalleeReplicas {
		t.Fatalf("%d instances of %s, want %d", len(all), Callee, CalleeReplicas)
	}
	zones := map[string]int{}
	for i, target := range all {
		zones[target.Zone]++
		if target.Kind != gameday.KindInstance || target.Service != Callee || target.Zone == "" || target.Labels["gameday"] != "allowed" {
			t.Errorf("incomplete target %+v", target)
		}
		if i > 0 && all[i-1].Name >= target.Name {
			t.Errorf("%s comes after %s", target.Name, all[i-1].Name)
		}
	}
	if len(zones) < 2 {
		t.Errorf("all instances are in one zone: %v", zones)
	}
	first := all[0]
	for _, row := range []struct {
		about string
		s     gameday.Selector
		want  int
	}{
		{"by instance", gameday.Selector{Kind: gameday.KindInstance, Instance: first.Name}, 1},
		{"by zone", gameday.Selector{Kind: gameday.KindInstance, Service: Callee, Zone: first.Zone}, zones[first.Zone]},
		{"by label", gameday.Selector{Kind: gameday.KindInstance, Service: Callee, Labels: map[string]string{"gameday": "allowed"}}, CalleeReplicas},
		{"by a label that nobody has", gameday.Selector{Kind: gameday.KindInstance, Labels: map[string]string{"gameday": "forbidden"}}, 0},
		{"an unknown service", gameday.Selector{Kind: gameday.KindInstance, Service: "nobody"}, 0},
		{"a service", gameday.Selector{Kind: gameday.KindService, Service: Callee}, 1},
		{"a zone", gameday.Selector{Kind: gameday.KindZone, Zone: first.Zone}, 1},
		{"a link", gameday.Selector{Kind: gameday.KindLink, From: w.link.From, To: w.link.To}, 1},
		{"a link to nowhere", gameday.Selector{Kind: gameday.KindLink, To: gameday.Endpoint{Service: "nobody"}}, 0},
	} {
		found := w.find(t, row.s)
		if len(found) != row.want {
			t.Errorf("find %s: %d targets, want %d: %+v", row.about, len(found), row.want, found)
		}
		for _, target := range found {
			if target.Kind != row.s.Kind {
				t.Errorf("find %s: a target of kind %s", row.about, target.Kind)
			}
		}
	}
}
