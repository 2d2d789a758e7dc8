// Package monkeys is the trouble that gameday makes: one kind of fault per file, each a struct whose fields
// are its configuration and whose comment is its manual page.
//
// A monkey asks the platform for an ability ([gameday.Killer], [gameday.Shaper] ...), never for a concrete
// platform, and measures its effect by other means than those that bring it about: the supervisor's view of a
// process, round trips over a link, the rate that was really sent. What it cannot measure is
// [gameday.EffectUnknown]. Everything that ends a fault is in the fault, so any process can do it.
//
// To add one, write its file, put it into [Catalog] and let monkeytest.Run pass it; see [Pause] for the
// smallest.
package monkeys

import "github.com/gameday-dev/gameday"

// Catalog lists every monkey, each with its defaults.
func Catalog() gameday.Catalog {
	return gameday.Catalog{
		"bandwidth":  func() gameday.Monkey { return &Bandwidth{BytesPerSecond: 16 << 10} },
		"bug":        func() gameday.Monkey { return &Bug{Value: "on"} },
		"kill":       func() gameday.Monkey { return &Kill{} },
		"latency":    func() gameday.Monkey { return &Latency{Delay: gameday.Duration(200e6)} },
		"partition":  func() gameday.Monkey { return &Partition{} },
		"pause":      func() gameday.Monkey { return &Pause{} },
		"reset":      func() gameday.Monkey { return &Reset{} },
		"slow_close": func() gameday.Monkey { return &SlowClose{Delay: gameday.Duration(2e9)} },
		"surge":      func() gameday.Monkey { return &Surge{Factor: 2} },
		"zone":       func() gameday.Monkey { return &Zone{} },
	}
}
