package grpcguard_test

import (
	"fmt"

	"google.golang.org/grpc"

	"github.com/gameday-dev/gameday/replay/guard"
	"github.com/gameday-dev/gameday/replay/guard/grpcguard"
)

// A service that takes replays only from who knows the key.
func Example() {
	g, err := guard.New(guard.Config{Service: "stock", Keys: [][]byte{[]byte("0123456789abcdef")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(grpcguard.UnaryServer(g)), grpc.StreamInterceptor(grpcguard.StreamServer(g)))
	defer s.Stop()
	fmt.Printf("%+v\n", g.Counts())
	// Output: {Ordinary:0 Replayed:0 Unsigned:0 Expired:0 Loops:0 Blocked:0}
}
