// Package metrics scrapes the system under test, keeps the samples of one run in memory and answers
// PromQL over them with Prometheus' own engine. It is the only importer of Prometheus code, whose Go
// interfaces promise no stability, so that an upgrade touches one package.
//
// A [Store] holds the samples; a [Scraper] fills it while a run lasts, from targets over HTTP and from
// the harness's own series (every gameday.Collector, among them [Host], [Faults] and [Baseline]). The
// store answers as gameday.Metrics during the run, and again offline after [Store.Save] and [Load].
// [Remote] answers the same questions from a Prometheus that somebody else runs, and [Answers] keeps what it said.
//
// # What absence means
//
// A target or a series that goes away gets a stale marker at once, and a sample is not looked at for more
// than [Lookback]: a killed instance has no value, instead of its last one. A scrape that failed leaves
// up at 0. Samples that a limit turned away are counted in gameday_metrics_dropped_total{reason}, and
// what asks a question learns from an empty answer that nothing is known.
//
// # File format
//
// The file samples.gdm holds, after the eight bytes "GDMX" 0x00 0x00 0x00 and the version 0x01, one
// zstd stream of frames. A frame is its payload's length (uvarint), the payload, and the CRC-32C of the
// payload (4 bytes, big endian). The first byte of a payload is its kind:
//
//	'H'  start of the run, varint, milliseconds since 1970 UTC
//	'S'  one series: number of labels (uvarint), then name and value of each; number of chunks
//	     (uvarint), then each chunk. Strings and chunks are their length (uvarint) and their bytes. A
//	     chunk is Gorilla-compressed as by Prometheus: 2 bytes big endian with the number of samples,
//	     then delta-of-delta times in milliseconds and XORed float64 values.
//	'E'  number of series and of samples (uvarint each); the last frame
//
// A file without its 'E' frame is cut off, and Load refuses it.
//
// The file answers.jsonl.zst, of a run that asks a remote Prometheus, is lines of JSON under zstd: {"version", "answers"}
// with their number, then for each question expr, from, to and step, and what came of it: error, or series with their
// labels, times and values, the latter as text.
package metrics

import (
	"time"

	"github.com/gameday-dev/gameday"
)

// Lookback is how old a sample may be to still count as the present value: three times the longest
// interval between scrapes, so that two missed scrapes are bridged and a dead gauge is not.
const Lookback = 3 * time.Second

var _ gameday.Metrics = (*Store)(nil)
