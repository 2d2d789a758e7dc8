package wire

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"

	"github.com/gameday-dev/gameday/replay/tape"
)

// IdentityVariable names, in the environment, a file with the identities that open encrypted tapes when none
// is given otherwise.
const IdentityVariable = "GAMEDAY_IDENTITY"

// Keys say who may read tapes that are written, and open those that are read.
type Keys struct {
	Identities []string // files as age-keygen writes them; IdentityVariable names one when empty
	Recipients []string // "age1...", or files with one on each line
}

// Read returns how tapes are read with these keys.
func (k Keys) Read() (tape.ReadOptions, error) {
	ids, err := k.identities()
	return tape.ReadOptions{Identities: ids}, err
}

// Write returns how tapes are written with these keys.
func (k Keys) Write() (tape.Options, error) {
	var recipients []age.Recipient
	for _, text := range k.Recipients {
		lines := strings.NewReader(text)
		if !strings.HasPrefix(text, "age1") {
			b, err := os.ReadFile(text)
			if err != nil {
				return tape.Options{}, Refused{fmt.Errorf("read recipients: %w: give age1..., or a file with one on each line", err)}
			}
			lines = strings.NewReader(string(b))
		}
		some, err := age.ParseRecipients(lines)
		if err != nil {
			return tape.Options{}, Refused{fmt.Errorf("read recipient %s: %w", text, err)}
		}
		recipients = append(recipients, some...)
	}
	return tape.Options{Recipients: recipients}, nil
}

func (k Keys) identities() (ids []age.Identity, err error) {
	files := k.Identities
	if file := os.Getenv(IdentityVariable); len(files) == 0 && file != "" {
		files = []string{file}
	}
	for _, file := range files {
		some, err := readIdentities(file)
		if err != nil {
			return nil, Refused{fmt.Errorf("read identity: %w", err)}
		}
		ids = append(ids, some...)
	}
	return ids, nil
}

func readIdentities(file string) (ids []age.Identity, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if ids, err = age.ParseIdentities(f); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err) // the line by its number, never what it holds
	}
	return ids, nil
}
