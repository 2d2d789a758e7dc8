package replay

import (
	"strconv"
	"time"
)

// jitter bounds how much later than its session a copy of it starts.
const jitter = time.Second

// A voice is the recorded session itself, or a copy of it.
type voice struct {
	sess    *session
	shift   time.Duration // of all its due times
	by      *surge        // that made it; nil for those of the plan
	muted   bool
	thinned bool // left out by the cap
	sent    int
	numbers hashing // of its requests
}

// voice makes the next voice of a session. The first one of the first pass is the recorded session itself.
func (f *feed) voice(t *trail, by *surge) *voice {
	t.made++
	suffix := ""
	if f.pass > 0 {
		suffix = "-p" + strconv.Itoa(f.pass+1)
	}
	if t.made > 1 || by != nil {
		suffix += "-c" + strconv.Itoa(max(t.made, 2))
	}
	name := t.name + suffix
	return &voice{by: by, thinned: f.cap.thins(name), numbers: add(hashFrom(f.seed), name), sess: &session{
		name: name, single: t.single, copied: t.made > 1 || by != nil, home: hash(0, t.name), who: identity{suffix, hash(f.keys, name)}, bound: &bindings{},
	}}
}

func (f *feed) jitter(v *voice) time.Duration {
	return time.Duration(share(hash(f.seed, "jitter", v.sess.name)) * float64(jitter) / f.plan.speed)
}
