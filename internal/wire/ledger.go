package wire

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/gameday-dev/gameday"
)

// Bounds of a ledger page.
const (
	ledgerBytesMax = 64 << 20
	ledgerLineMax  = 64 << 10
)

// readLedger reads a page of JSON lines to its end. A line that is none fails the whole page: half a ledger
// proves nothing.
func readLedger(ctx context.Context, url string) ([]gameday.LedgerLine, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // reading it told
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read %s: answered %s", url, resp.Status)
	}
	body := &io.LimitedReader{R: resp.Body, N: ledgerBytesMax + 1}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, ledgerLineMax)
	var kept []gameday.LedgerLine
	for lines.Scan() {
		var l gameday.LedgerLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("read %s: line %d: %w", url, len(kept)+1, err)
		}
		kept = append(kept, l)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	if body.N <= 0 {
		return nil, fmt.Errorf("read %s: the page exceeds the limit of %d bytes", url, ledgerBytesMax)
	}
	return kept, nil
}

// balance compares what was acknowledged with what was kept. The lists of ids are sorted as they came.
func balance(acks []gameday.Ack, kept []gameday.LedgerLine) gameday.Ledger {
	count := map[string]int{}
	for _, l := range kept {
		count[l.ID] += max(1, l.Count)
	}
	ledger := gameday.Ledger{Kept: len(count)}
	seen := map[string]bool{}
	for _, a := range acks {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		ledger.Acked++
		switch n := count[a.ID]; {
		case n == 0:
			ledger.Missing = append(ledger.Missing, a.ID)
		case n > 1:
			ledger.Duplicate = append(ledger.Duplicate, a.ID)
		}
	}
	return ledger
}
