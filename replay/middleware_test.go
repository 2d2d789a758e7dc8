package replay

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	gameday "github.com/gameday-dev/gameday"
)

// A proxy is a Middleware that gives back what the test has it give back.
type proxy struct{ back chan Shown }

func (p proxy) Show(*Exchange, time.Time) string { return "" }
func (p proxy) Back() <-chan Shown               { return p.back }
func (p proxy) Answer(*Answered)                 {}
func (p proxy) Account(*gameday.Detour)          {}

// While there is no room for more shots, a middleware can give back what it was shown.
func TestAMiddlewareIsHeardWhileThereIsNoRoom(t *testing.T) {
	c := Config{}.withDefaults()
	m := proxy{make(chan Shown)} // what is sent was received
	var made []*shot
	f := &feed{
		plan: newPlan(c), cap: newGovernor(0, "", 0), editor: newEditor(c, newRoutes(nil), "h", ""), surges: &surges{}, trails: map[string]*trail{},
		now: func() time.Duration { return 0 }, detour: newDetour(m, time.Second, time.Now), backlog: newBacklog(1, false),
		out: func(batch []*shot) { made = append(made, batch...) }, fed: func(time.Duration) {},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first, second := get("a", 0, "/"), get("b", 0, "/")
	for _, x := range []*Exchange{first, second} {
		f.take(ctx, x, 0)
	}
	f.received(Shown{X: first})
	f.backlog.add(f.backlog.max)
	done := make(chan struct{})
	go func() {
		f.handOver(ctx, 0)
		close(done)
	}()
	select {
	case m.back <- Shown{X: second}:
	case <-ctx.Done():
		t.Error("nobody hears what comes back")
	}
	f.backlog.remove(f.backlog.max)
	<-done
	require.Len(t, made, 2)
	require.Zero(t, f.detour.account.Late)
}
