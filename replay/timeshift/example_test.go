package timeshift_test

import (
	"fmt"
	"log"
	"time"

	"github.com/gameday-dev/gameday/replay/timeshift"
)

// A booking for the day after its recording becomes one for tomorrow.
func Example() {
	shifter, err := timeshift.New(timeshift.Options{})
	if err != nil {
		log.Fatal(err)
	}
	recorded := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	now := time.Date(2026, 11, 20, 18, 30, 0, 0, time.UTC)
	for _, value := range []string{"2026-03-02", "2026-03-01T12:00:00.000Z", "1984-05-03"} {
		moved, ok := shifter.Value(value, recorded, now)
		fmt.Printf("%s %t %q\n", value, ok, moved)
	}
	// Output:
	// 2026-03-02 true "2026-11-21"
	// 2026-03-01T12:00:00.000Z true "2026-11-20T20:30:00.000Z"
	// 1984-05-03 false ""
}
