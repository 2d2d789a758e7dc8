package wire

import (
	"path/filepath"

	"github.com/gameday-dev/gameday/replay/tape"
)

// Unsealed returns those of some recordings that are encrypted, where what is made of them with the keys will not be: tapes, and reels
// whose newest tape is.
func Unsealed(from []string, k Keys) (sealed []string) {
	if len(k.Recipients) > 0 {
		return nil
	}
	for _, path := range from {
		file := path
		if tapes, err := filepath.Glob(filepath.Join(path, "*"+TapeSuffix)); err == nil && len(tapes) > 0 {
			file = tapes[len(tapes)-1]
		}
		if info, err := tape.ReadInfo(file); err == nil && info.Encrypted {
			sealed = append(sealed, path)
		}
	}
	return sealed
}
