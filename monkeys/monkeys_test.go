package monkeys_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/monkeys"
	"github.com/gameday-dev/gameday/monkeys/monkeytest"
)

func seconds(n float64) gameday.Duration { return gameday.Duration(n * float64(time.Second)) }

func TestEveryMonkeyKeepsTheContract(t *testing.T) {
	all := map[string][]gameday.Monkey{
		"bandwidth":  {&monkeys.Bandwidth{BytesPerSecond: 1024, Direction: gameday.Response}},
		"bug":        {&monkeys.Bug{Name: "promo_loop", Value: "on"}},
		"kill":       {&monkeys.Kill{}},
		"latency":    {&monkeys.Latency{Delay: seconds(0.2), Jitter: seconds(0.05)}, &monkeys.Latency{Delay: seconds(2), Direction: gameday.Both}},
		"partition":  {&monkeys.Partition{}, &monkeys.Partition{BlackHole: true}, &monkeys.Partition{Direction: gameday.Response}},
		"pause":      {&monkeys.Pause{}},
		"reset":      {&monkeys.Reset{}},
		"slow_close": {&monkeys.SlowClose{Delay: seconds(2)}},
		"surge":      {&monkeys.Surge{Factor: 10}, &monkeys.Surge{Factor: 3, Flow: "browse"}, &monkeys.Surge{Factor: 0.5}},
		"zone":       {&monkeys.Zone{}},
	}
	for _, name := range monkeys.Catalog().Names() {
		require.NotEmpty(t, all[name], "monkey %s has no case here", name)
		for _, m := range all[name] {
			fields, err := json.Marshal(m)
			require.NoError(t, err)
			t.Run(name+string(fields), func(t *testing.T) { monkeytest.Run(t, monkeytest.New, m) })
		}
	}
}

// The suite lets a monkey say that it does not know. These must know.
func TestMeasurableFaultsAreMeasured(t *testing.T) {
	link := gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product"}}
	for _, c := range []struct {
		name   string
		monkey gameday.Monkey
		on     gameday.Selector
	}{
		{"a killed process is seen to be away", &monkeys.Kill{}, gameday.Selector{Kind: gameday.KindInstance}},
		{"a stopped process is seen to be stopped", &monkeys.Pause{}, gameday.Selector{Kind: gameday.KindInstance}},
		{"a delay of 8ms is seen in round trips", &monkeys.Latency{Delay: seconds(0.008)}, link},
		{"the end of a connection is seen to come late", &monkeys.SlowClose{Delay: seconds(0.5)}, link},
		{"a cut link loses round trips", &monkeys.Partition{}, link},
		{"a resetting link loses round trips", &monkeys.Reset{}, link},
		{"a dead zone is dark from inside and outside", &monkeys.Zone{}, gameday.Selector{Kind: gameday.KindZone}},
		{"a doubled load is seen in the rate", &monkeys.Surge{Factor: 2}, gameday.Selector{Kind: gameday.KindTraffic}},
		{"a switch is read back", &monkeys.Bug{Name: "promo_loop", Value: "on"}, gameday.Selector{Kind: gameday.KindService}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := monkeytest.New().Platform()
			found, err := p.Find(t.Context(), c.on)
			require.NoError(t, err)
			f, err := c.monkey.Prepare(t.Context(), p, found[0])
			require.NoError(t, err)
			f.ID, f.For = "f", seconds(60)
			for _, want := range []gameday.Effect{gameday.Gone, gameday.InEffect, gameday.Gone} {
				e, err := c.monkey.Verify(t.Context(), p, f)
				require.NoError(t, err)
				require.Equal(t, want.String(), e.Effect.String(), e.What)
				if want == gameday.Gone {
					require.NoError(t, c.monkey.Inject(t.Context(), p, f))
				} else {
					require.NoError(t, c.monkey.Heal(t.Context(), p, f))
				}
			}
		})
	}
}

func TestFieldsAreChecked(t *testing.T) {
	link := gameday.Target{Kind: gameday.KindLink, Name: "order->product", From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product"}}
	traffic := gameday.Target{Kind: gameday.KindTraffic, Name: "traffic"}
	service := gameday.Target{Kind: gameday.KindService, Name: "product", Service: "product"}
	for _, c := range []struct {
		name, monkey, fields string
		target               gameday.Target
		want                 string
	}{
		{"no delay is no latency", "latency", `{"delay":"0s"}`, link, "delay must be more than 0"},
		{"jitter beyond the delay would travel back in time", "latency", `{"delay":"1s","jitter":"2s"}`, link, "jitter 2s must lie between"},
		{"a direction is one of three", "partition", `{"direction":"sideways"}`, link, `direction "sideways"`},
		{"a narrow link lets something through", "bandwidth", `{"bytes_per_second":0}`, link, "bytes_per_second must be more than 0"},
		{"a slow close takes time", "slow_close", `{"delay":"0s"}`, link, "delay must be more than 0"},
		{"a factor of 1 is no surge", "surge", `{"factor":1}`, traffic, "factor must be more than 0 and not 1"},
		{"a switch has a name", "bug", `{}`, service, "name must be that of a switch"},
		{"a switch that is turned already proves nothing", "bug", `{"name":"x","value":"off"}`, service, "already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := monkeys.Catalog().New(c.monkey, json.RawMessage(c.fields))
			require.NoError(t, err)
			_, err = m.Prepare(t.Context(), monkeytest.New().Platform(), c.target)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestAnInstanceThatWasScaledAwayIsGone(t *testing.T) {
	w := monkeytest.New()
	p := w.Platform()
	found, err := p.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance})
	require.NoError(t, err)
	m := &monkeys.Kill{}
	f, err := m.Prepare(t.Context(), p, found[0])
	require.NoError(t, err)
	f.ID = "f"
	require.NoError(t, m.Inject(t.Context(), p, f))
	w.Remove(found[0].Name)
	require.NoError(t, m.Heal(t.Context(), p, f))
	e, err := m.Verify(t.Context(), p, f)
	require.NoError(t, err)
	require.Equal(t, gameday.Gone, e.Effect)
}

func TestALinkWithoutAnEndIsGone(t *testing.T) {
	link := gameday.Selector{Kind: gameday.KindLink, From: gameday.Endpoint{Service: "order"}, To: gameday.Endpoint{Service: "product", Zone: "z2"}}
	for _, c := range []struct {
		name   string
		monkey gameday.Monkey
		on     gameday.Selector
		lose   []string
	}{
		{"a cut link", &monkeys.Partition{}, link, []string{"product-z2-1"}},
		{"a slow link", &monkeys.Latency{Delay: seconds(1)}, link, []string{"product-z2-1"}},
		{"a link into a dead zone", &monkeys.Zone{}, gameday.Selector{Kind: gameday.KindZone, Zone: "z2"}, []string{"product-z2-1"}},
		{"a zone that was emptied", &monkeys.Zone{}, gameday.Selector{Kind: gameday.KindZone, Zone: "z2"}, []string{"product-z2-1", "order-z2-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := monkeytest.New()
			p := w.Platform()
			found, err := p.Find(t.Context(), c.on)
			require.NoError(t, err)
			f, err := c.monkey.Prepare(t.Context(), p, found[0])
			require.NoError(t, err)
			f.ID, f.For = "f", seconds(60)
			require.NoError(t, c.monkey.Inject(t.Context(), p, f))
			for _, name := range c.lose {
				w.Remove(name)
			}
			require.NoError(t, c.monkey.Heal(t.Context(), p, f))
			e, err := c.monkey.Verify(t.Context(), p, f)
			require.NoError(t, err)
			require.Equal(t, gameday.Gone, e.Effect, e.What)
		})
	}
}

func TestADownInstanceIsNotKilled(t *testing.T) {
	p := monkeytest.New().Platform()
	found, err := p.Find(t.Context(), gameday.Selector{Kind: gameday.KindInstance})
	require.NoError(t, err)
	require.NoError(t, p.Kill(t.Context(), found[0], gameday.Grip{Fault: "other", For: seconds(9), Lease: seconds(9)}))
	_, err = (&monkeys.Kill{}).Prepare(t.Context(), p, found[0])
	require.ErrorContains(t, err, "does not run")
}

func TestAFaultLeavesOutPlatformsThatCannot(t *testing.T) {
	_, err := (&monkeys.Zone{}).Prepare(t.Context(), nowhere{}, gameday.Target{Kind: gameday.KindZone, Name: "z1"})
	require.True(t, errors.Is(err, gameday.ErrUnsupported))
}

type nowhere struct{ gameday.Platform }

func (nowhere) Name() string { return "nowhere" }
