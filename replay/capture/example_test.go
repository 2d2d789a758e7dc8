package capture_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/gameday-dev/gameday/replay/capture"
)

func Example() {
	log := `10.0.0.7 - - [17/May/2015:10:05:43 +0000] "GET /cart HTTP/1.1" 200 12 "-" "shop/1"
10.0.0.7 - - [17/May/2015:10:05:41 +0000] "GET / HTTP/1.1" 200 99 "-" "shop/1"
not a line of a log
`
	in, err := capture.Read(strings.NewReader(log), "access.log", capture.ImportOptions{
		Problem: func(err error) { fmt.Println(strings.SplitN(err.Error(), ": want", 2)[0]) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		x, err := in.Next()
		if err == io.EOF {
			break
		}
		fmt.Println(x.At, x.Method, x.Target, x.Session)
	}
	fmt.Println(in.Counts().Captured, "captured,", in.Counts().Lost.Total(), "lost")
	// Output:
	// access.log:3: time missing
	// 0s GET / 10.0.0.7 shop/1
	// 2s GET /cart 10.0.0.7 shop/1
	// 2 captured, 1 lost
}
