package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gameday-dev/gameday/replay"
)

// MarkKeyVariable is the environment variable with the key that signs the marks of replayed requests.
const MarkKeyVariable = "GAMEDAY_MARK_KEY"

// markKey returns the key that signs marks: the text of the file, which is made, readable by its owner alone, where
// there is none; without a path, that of the environment. It is nil where neither is given: the player then makes one
// that no receiver knows.
func markKey(path string) ([]byte, error) {
	if path == "" {
		if text := os.Getenv(MarkKeyVariable); text != "" {
			return []byte(text), nil
		}
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createMarkKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key for marks: %w", err)
	}
	return bytes.TrimSpace(text), nil
}

func createMarkKey(path string) ([]byte, error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("make a key for marks: %w", err)
	}
	key := []byte(hex.EncodeToString(random[:]))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write key for marks: %w", err)
	}
	_, err = f.Write(append(key, '\n'))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("write key for marks: %w", err)
	}
	return key, nil
}

// check refuses a target that looks like production before anything is sent.
func check(ctx context.Context, p *replay.Player) error {
	err := p.Check(ctx)
	if errors.Is(err, replay.ErrProduction) {
		return Refused{err}
	}
	return err
}
