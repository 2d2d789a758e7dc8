package reports

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/internal/hist"
)

// HDRLog writes every second of every flow as a HistogramLog 1.3, which the tools of HdrHistogram read and merge without
// loss. Values are microseconds. Tags name the distribution and the flow: latency.browse, service.browse, lateness.browse,
// wait.browse.
func HDRLog(w io.Writer, started time.Time, t gameday.Traffic) error {
	b := bufio.NewWriter(w)
	epoch := float64(started.UnixMilli()) / 1000
	fmt.Fprintf(b, "#[Histogram log format version 1.3]\n#[BaseTime: %.3f (seconds since epoch)]\n#[StartTime: %.3f (seconds since epoch), %s]\n",
		epoch, epoch, started.UTC().Format(time.UnixDate))
	fmt.Fprintln(b, `"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`)
	for _, s := range t.Slices {
		for _, one := range []struct {
			name string
			raw  []byte
		}{{"latency", s.Latency}, {"service", s.Service}, {"lateness", s.Lateness}, {"wait", s.Wait}} {
			if len(one.raw) == 0 {
				continue
			}
			h, err := hist.Decode(one.raw)
			if err != nil {
				return fmt.Errorf("log %s of flow %s in second %d: %w", one.name, s.Flow, s.Second, err)
			}
			fmt.Fprintf(b, "Tag=%s.%s,%.3f,1.000,%.3f,%s\n", one.name, hdrTag(s.Flow), float64(s.Second), h.Max().Seconds()*1000, base64.StdEncoding.EncodeToString(one.raw))
		}
	}
	return b.Flush()
}

// hdrTag replaces what a tag may not hold.
func hdrTag(flow string) string {
	return strings.NewReplacer(",", "_", " ", "_", "\n", "_", "\r", "_").Replace(flow)
}
