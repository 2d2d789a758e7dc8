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
// that no receiver knows. Note, where there is any, says how receivers get it.
func markKey(path string) (key []byte, note string, err error) {
	if path == "" {
		if text := os.Getenv(MarkKeyVariable); text != "" {
			return []byte(text), "", nil
		}
		return nil, "marks are signed with a key that nobody else has, and guarded services refuse them: share one by $" + MarkKeyVariable, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := createMarkKey(path)
		return key, fmt.Sprintf("%s is a new key for marks: guarded services take its text as a key", path), err
	}
	if err != nil {
		return nil, "", fmt.Errorf("read key for marks: %w", err)
	}
	return bytes.TrimSpace(text), "", nil
}

// newMarkKey makes a key.
func newMarkKey() ([]byte, error) {
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, fmt.Errorf("make a key for marks: %w", err)
	}
	return []byte(hex.EncodeToString(random[:])), nil
}

func createMarkKey(path string) ([]byte, error) {
	key, err := newMarkKey()
	if err != nil {
		return nil, err
	}
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
