package local

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Replicate sets how many instances of the named services start, instead of the file's numbers. All problems
// are reported at once, and then nothing is changed.
func (t *Topology) Replicate(replicas map[string]int) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(replicas)) {
		i := slices.IndexFunc(t.Services, func(s Service) bool { return s.Name == name })
		switch n := replicas[name]; {
		case i < 0:
			errs = append(errs, fmt.Errorf("replicas of %s: the topology has no such service", name))
		case n < 0 || n > t.Services[i].Max:
			errs = append(errs, fmt.Errorf("replicas of %s: %d is outside of 0 to %d, its max in the topology", name, n, t.Services[i].Max))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, s := range t.Services {
		if n, ok := replicas[s.Name]; ok {
			t.Services[i].Replicas = n
		}
	}
	return nil
}
