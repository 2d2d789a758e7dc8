package replay

import (
	"errors"

	gameday "github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// timings are the distributions of gameday.Timings, being counted.
type timings struct{ latency, service, lateness, wait *hist.Histogram }

func newTimings() timings { return timings{hist.New(), hist.New(), hist.New(), hist.New()} }

// record counts a request that was sent.
func (t timings) record(r *record) {
	t.latency.Record(r.latency())
	t.service.Record(r.service())
	t.lateness.Record(r.lateness())
	t.wait.Record(r.wait())
}

func (t timings) reset() {
	t.latency.Reset()
	t.service.Reset()
	t.lateness.Reset()
	t.wait.Reset()
}

// merge adds distributions that were encoded.
func (t timings) merge(encoded gameday.Timings) error {
	return errors.Join(t.latency.MergeEncoded(encoded.Latency), t.service.MergeEncoded(encoded.Service), t.lateness.MergeEncoded(encoded.Lateness), t.wait.MergeEncoded(encoded.Wait))
}

func (t timings) encode(by *hist.Encoder) (out gameday.Timings, err error) {
	for _, one := range []struct {
		from *hist.Histogram
		to   *[]byte
	}{{t.latency, &out.Latency}, {t.service, &out.Service}, {t.lateness, &out.Lateness}, {t.wait, &out.Wait}} {
		if *one.to, err = by.Encode(one.from); err != nil {
			return out, err
		}
	}
	return out, nil
}
