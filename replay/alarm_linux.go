package replay

import "time"

// The bounds of an alarm.
const (
	maxEarly  = 50 * time.Microsecond
	alarmStep = 250 * time.Nanosecond
)

// An alarm makes up for the time that the system takes to wake a thread, on a virtual machine some 30 us: it sleeps less by what
// that usually is, and looks for events without sleeping for what is left then. A wait that is shorter than that is not worth
// going to sleep for: falling asleep and waking up cost more. The zero value begins without knowing.
type alarm struct {
	early time.Duration // half of all sleeps took longer beyond their end
}

// wait waits by poll, which returns the number of events after at most a timeout, until there are some or the timeout is over.
func (a *alarm) wait(timeout time.Duration, poll func(time.Duration) int) int {
	if timeout <= 0 {
		return poll(0)
	}
	begun := time.Now()
	for left := timeout; left > a.early; left = timeout - time.Since(begun) {
		if n := poll(left - a.early); n > 0 {
			return n
		}
		if late := time.Since(begun) - (timeout - a.early); late >= 0 { // else a signal cut it short
			a.learn(late)
			break
		}
	}
	for time.Since(begun) < timeout {
		if n := poll(0); n > 0 {
			return n
		}
	}
	return 0
}

// learn takes note of how late a sleep ended.
func (a *alarm) learn(late time.Duration) {
	step := alarmStep
	if late < a.early {
		step = -step
	}
	a.early = min(max(0, a.early+step), maxEarly)
}
