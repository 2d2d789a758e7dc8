package capture

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A gate is shut while there is any cause for it. Whether it is costs one atomic load.
type gate struct {
	now atomic.Pointer[string] // the first cause

	mu     sync.Mutex
	causes []string
}

// cause returns why the gate is shut, "" when it is open.
func (g *gate) cause() string {
	if s := g.now.Load(); s != nil {
		return *s
	}
	return ""
}

func (g *gate) shut(cause string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !slices.Contains(g.causes, cause) {
		g.causes = append(g.causes, cause)
		g.set()
	}
}

func (g *gate) open(cause string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.causes = slices.DeleteFunc(g.causes, func(s string) bool { return s == cause })
	g.set()
}

func (g *gate) set() {
	if len(g.causes) == 0 {
		g.now.Store(nil)
		return
	}
	first := g.causes[0]
	g.now.Store(&first)
}
