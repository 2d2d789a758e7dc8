package passive_test

import (
	"context"
	"fmt"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/passive"
)

func ExampleWatch() {
	talk := say(
		"> GET /cart HTTP/1.1\r\nHost: sh", "> op\r\n\r\n", // a header line in two packets
		"< HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nempty", "",
	)
	s := new(shelf)
	watch := passive.New(&packets{frames: talk.Frames}, s, passive.Options{
		Ports: []uint16{8080}, Options: capture.Options{Start: monday, Wait: true},
	})
	if err := watch.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	x := s.exchanges[0]
	fmt.Println(x.Method, x.Host, x.Target, x.Response.Status, string(x.Response.Body))
	fmt.Println(watch.Counts().Captured, "captured,", watch.Counts().Lost.Total(), "lost")
	// Output:
	// GET shop /cart 200 empty
	// 1 captured, 0 lost
}
