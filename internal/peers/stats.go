//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// spread is the middle of what several runs gave, with the ends.
type spread struct {
	median, least, most float64
	runs                int
}

func spreadOf(all []float64) spread {
	if len(all) == 0 {
		return spread{}
	}
	return spread{median(all), slices.Min(all), slices.Max(all), len(all)}
}

func (s spread) String() string {
	switch s.runs {
	case 0:
		return "-"
	case 1:
		return times(s.median)
	}
	return fmt.Sprintf("%s (%s to %s)", times(s.median), times(s.least), times(s.most))
}

// median of what several runs gave; zero without any.
func median[T cmp.Ordered](of []T) (m T) {
	if len(of) == 0 {
		return m
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[(len(sorted)-1)/2]
}

// quantile of durations, by the nearest rank.
func quantile(of []time.Duration, q float64) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// lateness compares arrivals with the schedule: the k-th arrival with the k-th due time, since not every program says
// which request is which. Zero is the promptest of them, for no program says when it began; that flatters all alike.
func lateness(due []time.Duration, arrived []arrival) []time.Duration {
	at := received(arrived)
	n := min(len(at), len(due))
	late := make([]time.Duration, n)
	for i := range n {
		late[i] = time.Duration(at[i]) - due[i]
	}
	if n == 0 {
		return nil
	}
	least := slices.Min(late)
	for i := range late {
		late[i] -= least
	}
	return late
}

// received returns when requests arrived, in order, in nanoseconds since the epoch.
func received(arrived []arrival) []int64 {
	at := make([]int64, len(arrived))
	for i, a := range arrived {
		at[i] = a.Received
	}
	slices.Sort(at)
	return at
}

// between returns the lateness of what was due in a stretch of the schedule.
func between(due, late []time.Duration, from, to time.Duration) []time.Duration {
	first, _ := slices.BinarySearch(due[:len(late)], from)
	end, _ := slices.BinarySearch(due[:len(late)], to)
	return late[first:max(first, end)]
}

// drift is how much later the last tenth of a schedule was than its second tenth, by their medians; the first tenth is the
// start of the program.
func drift(due, late []time.Duration) time.Duration {
	if len(late) == 0 {
		return 0
	}
	tenth := due[len(due)-1] / 10
	return quantile(between(due, late, 9*tenth, 10*tenth+1), .5) - quantile(between(due, late, tenth, 2*tenth), .5)
}

// disorder counts what came twice, and what came before an earlier request of its session. What the server read in one
// piece has one time, and is in order.
func disorder(w work, arrived []arrival) (doubled, reordered int) {
	byTime := slices.SortedStableFunc(slices.Values(arrived), func(a, b arrival) int { return cmp.Compare(a.Received, b.Received) })
	seen, last := map[int64]bool{}, map[int64]int64{}
	for _, a := range byTime {
		if a.Number < 0 {
			continue
		}
		if seen[a.Number] {
			doubled++
			continue
		}
		seen[a.Number] = true
		s := a.Number % int64(w.sessions)
		if before, had := last[s]; had && before > a.Number {
			reordered++
		}
		last[s] = max(last[s], a.Number)
	}
	return doubled, reordered
}
