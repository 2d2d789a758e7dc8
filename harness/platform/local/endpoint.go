package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Endpoint is how to reach the control API of a topology. The token allows to kill its processes: keep it out
// of records and logs.
type Endpoint struct {
	URL     string    `json:"url"`
	Token   string    `json:"token"`
	PID     int       `json:"pid"`     // of the supervisor's process
	Started time.Time `json:"started"` // wall time
}

// WriteEndpoint writes e where another process can read it, for the owner alone.
func WriteEndpoint(path string, e Endpoint) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("write endpoint: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write endpoint: %w", err)
	}
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write endpoint: %w", err)
	}
	if err := os.WriteFile(temporary, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write endpoint: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil { // whole or not at all
		return fmt.Errorf("write endpoint: %w", err)
	}
	return nil
}

// ReadEndpoint reads what WriteEndpoint wrote. It refuses a file that others may read, and says with
// fs.ErrNotExist when there is none. Client.Ping tells whether the topology still lives.
func ReadEndpoint(path string) (Endpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Endpoint{}, fmt.Errorf("read endpoint: %w; start a topology with `gameday up`", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Endpoint{}, fmt.Errorf("read endpoint %s: others may read it and so act on the topology: run `chmod 600 %s`", path, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Endpoint{}, fmt.Errorf("read endpoint: %w", err)
	}
	var e Endpoint
	if err := json.Unmarshal(data, &e); err != nil || e.URL == "" || e.Token == "" {
		return Endpoint{}, fmt.Errorf("read endpoint %s: it is not what `gameday up` writes; start the topology again", path)
	}
	return e, nil
}
