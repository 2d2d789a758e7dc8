package gameday

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Catalog makes monkeys by name. Each function returns a new monkey with its defaults set.
type Catalog map[string]func() Monkey

// Names returns the names in order.
func (c Catalog) Names() []string { return slices.Sorted(maps.Keys(c)) }

// New returns the named monkey with config decoded over its defaults. Unknown fields are errors. An empty
// config keeps the defaults.
func (c Catalog) New(name string, config json.RawMessage) (Monkey, error) {
	make, ok := c[name]
	if !ok {
		return nil, fmt.Errorf("monkey %q: unknown; one of %v", name, c.Names())
	}
	m := make()
	if len(config) == 0 {
		return m, nil
	}
	d := json.NewDecoder(bytes.NewReader(config))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("monkey %q: read its fields: %w", name, err)
	}
	return m, nil
}
