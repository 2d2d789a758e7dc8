package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// adminTimeout bounds one exchange with the admin page of one instance.
const adminTimeout = 2 * time.Second

func (s *Supervisor) readSwitch(ctx context.Context, in *instance, name string) (string, error) {
	all := map[string]string{}
	if err := s.exchange(ctx, in, http.MethodGet, "/switch", nil, &all); err != nil {
		return "", err
	}
	value, known := all[name]
	if !known {
		return "", fmt.Errorf("switch %q of %s: %w", name, in.name, errUnknown)
	}
	return value, nil
}

func (s *Supervisor) writeSwitch(ctx context.Context, in *instance, name, value string) error {
	return s.exchange(ctx, in, http.MethodPut, "/switch/"+url.PathEscape(name), map[string]string{"value": value}, nil)
}

// forgetSwitch lets a process fall back to its default.
func (s *Supervisor) forgetSwitch(ctx context.Context, in *instance, name string) error {
	return s.exchange(ctx, in, http.MethodDelete, "/switch/"+url.PathEscape(name), nil, nil)
}

// exchange talks JSON to the admin port of an instance.
func (s *Supervisor) exchange(ctx context.Context, in *instance, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	what := fmt.Sprintf("%s %s of %s", method, path, in.name)
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, in.adminURL(path), &payload)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	answer, err := s.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", what, errUnknown)
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s: status %s: %s", what, answer.Status, bytes.TrimSpace(text))
	case into != nil:
		if err := json.Unmarshal(text, into); err != nil {
			return fmt.Errorf("%s: read answer: %w", what, err)
		}
	}
	return nil
}
