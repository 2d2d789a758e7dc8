package grpctap_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/gameday-dev/gameday/replay/capture"
	"github.com/gameday-dev/gameday/replay/capture/grpctap"
)

func Example() {
	var m memory // a tape.Writer in earnest
	tap := capture.NewTap(&m, capture.Options{})

	server := grpc.NewServer(
		grpc.UnaryInterceptor(grpctap.UnaryServer(tap)),
		grpc.StreamInterceptor(grpctap.StreamServer(tap)),
	)
	pb.RegisterTestServiceServer(server, service{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(l) //nolint:errcheck // ends with the server

	client, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = pb.NewTestServiceClient(client).UnaryCall(context.Background(), &pb.SimpleRequest{Payload: payload("hello")})
	fmt.Println(err, client.Close())
	server.GracefulStop()
	fmt.Println(tap.Close())

	x := m.xs[0]
	fmt.Println(x.Method, x.Target, len(x.Body), "bytes; status", x.Response.Trailer.Get("Grpc-Status"))
	// Output:
	// <nil> <nil>
	// <nil>
	// POST /grpc.testing.TestService/UnaryCall 14 bytes; status 0
}
