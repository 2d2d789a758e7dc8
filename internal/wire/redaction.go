package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gameday-dev/gameday/replay/redact"
	"github.com/gameday-dev/gameday/replay/tape"
)

// RedactKeyVariable holds, in the environment, the key of pseudonyms when no file does.
const RedactKeyVariable = "GAMEDAY_REDACT_KEY"

// newRedactor compiles rules with the key in a file, else in RedactKeyVariable, else a random one: only
// recordings with one key give one secret the same pseudonym.
func newRedactor(rules redact.Rules, keyFile string) (*redact.Redactor, error) {
	key := []byte(os.Getenv(RedactKeyVariable))
	if keyFile != "" {
		var err error
		if key, err = os.ReadFile(keyFile); err != nil {
			return nil, Refused{fmt.Errorf("read the key of pseudonyms: %w", err)}
		}
		key = bytes.TrimSpace(key)
	} else if len(key) == 0 {
		key = nil
	}
	r, err := redact.New(rules, key)
	if err != nil {
		return nil, Refused{fmt.Errorf("read redaction rules: %w", err)}
	}
	return r, nil
}

// ScanTape tells of everything on a tape that looks like a secret, and returns how many exchanges it looked
// at.
func ScanTape(ctx context.Context, path string, rules redact.Rules, k Keys, found func(redact.Finding)) (exchanges int64, err error) {
	scanner, err := redact.NewScanner(rules)
	if err != nil {
		return 0, Refused{err}
	}
	read, err := k.Read()
	if err != nil {
		return 0, err
	}
	r, err := tape.Open(path, read)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for ; ctx.Err() == nil; exchanges++ {
		x, err := r.Next()
		if errors.Is(err, io.EOF) {
			return exchanges, nil
		}
		if err != nil {
			return exchanges, err
		}
		scanner.Scan(x, found)
	}
	return exchanges, fmt.Errorf("scan: stopped after %d exchanges: %w", exchanges, context.Cause(ctx))
}
