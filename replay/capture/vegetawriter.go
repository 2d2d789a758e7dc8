package capture

import (
	"fmt"
	"io"
	"net/http"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/gameday-dev/gameday/replay"
)

// vegetaWriter writes requests as vegeta's targets in JSON, by vegeta's own encoder. Times,
// sessions and responses have no place in them.
type vegetaWriter struct {
	o      ExportOptions
	encode vegeta.TargetEncoder
}

func newVegetaWriter(w io.Writer, o ExportOptions) *vegetaWriter {
	return &vegetaWriter{o: o, encode: vegeta.NewJSONTargetEncoder(w)}
}

// Record writes one line.
func (v *vegetaWriter) Record(x *replay.Exchange) error {
	if err := sendable(x); err != nil {
		return err
	}
	t := vegeta.Target{Method: x.Method, URL: v.o.url(x), Body: x.Body, Header: make(http.Header)}
	if x.Host != "" {
		t.Header["Host"] = []string{x.Host}
	}
	for _, f := range endToEnd(x.Header) {
		t.Header[f.Name] = append(t.Header[f.Name], f.Value)
	}
	if err := v.encode(&t); err != nil {
		return fmt.Errorf("write target of exchange %d: %w", x.Seq, err)
	}
	return nil
}

// Close does nothing: every line is whole.
func (v *vegetaWriter) Close() error { return nil }
