//go:build linux

package main

import (
	"cmp"
	"slices"
	"time"
)

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
	at := make([]int64, len(arrived))
	for i, a := range arrived {
		at[i] = a.Received
	}
	slices.Sort(at)
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

// disorder counts what came twice, and what came before an earlier request of its session.
func disorder(w work, arrived []arrival) (doubled, reordered int) {
	byTime := slices.SortedFunc(slices.Values(arrived), func(a, b arrival) int { return cmp.Compare(a.Received, b.Received) })
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
