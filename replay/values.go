package replay

// values are texts by recorded value: what the live system gave in its place, or why it gave nothing. Every session has its
// own, and few of them: a slice takes a tenth of the room of a map, and is looked through as fast.
type values []pair

type pair struct{ recorded, now string }

// get returns what takes the place of a recorded value, if it is known.
func (v values) get(recorded string) (now string, ok bool) {
	for i := range v {
		if v[i].recorded == recorded {
			return v[i].now, true
		}
	}
	return "", false
}

// put notes what takes the place of a recorded value.
func (v *values) put(recorded, now string) {
	for i := range *v {
		if p := &(*v)[i]; p.recorded == recorded {
			p.now = now
			return
		}
	}
	*v = append(*v, pair{recorded, now})
}

// byRecorded returns a copy for whoever is told of a session's values; nil when there are none.
func (v values) byRecorded() map[string]string {
	if v == nil {
		return nil
	}
	m := make(map[string]string, len(v))
	for _, p := range v {
		m[p.recorded] = p.now
	}
	return m
}
