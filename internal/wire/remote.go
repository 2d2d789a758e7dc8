package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/gameday-dev/gameday"
	"github.com/gameday-dev/gameday/harness/metrics"
)

// The credentials for a remote Prometheus, where they do not stand in the scenario's own URL. They never reach a record.
const (
	remoteUserEnv     = "GAMEDAY_PROMETHEUS_USER"
	remotePasswordEnv = "GAMEDAY_PROMETHEUS_PASSWORD"
)

// remoteAt returns the remote Prometheus at a URL, asked with the credentials of the environment or else of the URL.
func remoteAt(address string, start time.Time, own *metrics.Store) (*metrics.Remote, error) {
	if user := os.Getenv(remoteUserEnv); user != "" {
		if u, err := url.Parse(address); err == nil {
			u.User = url.UserPassword(user, os.Getenv(remotePasswordEnv))
			address = u.String()
		}
	}
	return metrics.NewRemote(address, start, own)
}

// reachRemote asks a remote Prometheus, if there is one, whether it answers at all: without it a run could only end
// INCONCLUSIVE.
func reachRemote(ctx context.Context, address string) error {
	if address == "" {
		return nil
	}
	remote, err := remoteAt(address, time.Now(), nil)
	if err != nil {
		return err
	}
	if _, err := remote.Range(ctx, "vector(1)", 0, 0, 0); err != nil {
		return fmt.Errorf("nothing was run: %w", err)
	}
	return nil
}

// answersOf returns what a run's remote Prometheus said when the run was judged. A run that was not judged yet asks
// that server; its plan does not know the credentials.
func answersOf(record gameday.Record, dir string, own *metrics.Store) (*metrics.Answers, error) {
	answers, err := metrics.LoadAnswers(dir, own)
	if !errors.Is(err, fs.ErrNotExist) {
		return answers, err
	}
	u, err := url.Parse(record.Plan.Metrics.Remote)
	if err != nil {
		return nil, fmt.Errorf("read plan: address of Prometheus: %w", err)
	}
	u.User = nil
	remote, err := remoteAt(u.String(), record.Meta.Started, own)
	if err != nil {
		return nil, err
	}
	return metrics.NewAnswers(remote), nil
}

// keepAnswers writes what a remote Prometheus said to the directory of metrics. There is nothing to write where the
// run's own samples were asked.
func keepAnswers(of gameday.Metrics, dir string) error {
	answers, ok := of.(*metrics.Answers)
	if !ok {
		return nil
	}
	if err := answers.Save(dir); err != nil {
		return err
	}
	if n := answers.Lost(); n > 0 {
		return fmt.Errorf("keep what Prometheus said: %d answers exceed the limit: ask for less, or for longer steps", n)
	}
	return nil
}
