package replay

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	gameday "github.com/gameday-dev/gameday"
)

func TestFailuresHaveFewNames(t *testing.T) {
	dial := func(err error) outcome {
		return outcome{err: fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{Port: 40123}, Err: err})}
	}
	for _, c := range []struct {
		because string
		o       outcome
		class   gameday.Class
		rpc     rpcStatus
		want    string
	}{
		{"a success is none", outcome{answer: answer{status: 200}}, gameday.ClassOK, 0, ""},
		{"nor is a refusal that was recorded", outcome{answer: answer{status: 404}}, gameday.ClassOK, 0, ""},
		{"nor a fallback", outcome{answer: answer{status: 200}}, gameday.ClassDegraded, 0, ""},
		{"an answer has its status", outcome{answer: answer{status: 503}}, gameday.ClassRejected, 0, "status 503"},
		{"that of gRPC is its own", outcome{answer: answer{status: 200, rpc: rpcUnavailable}}, gameday.ClassRejected, rpcOK, "grpc status 14"},
		{"no answer in time", outcome{late: true, err: io.EOF}, gameday.ClassTimeout, 0, "timeout"},
		{"nobody listens", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), gameday.ClassError, 0, "connection refused"},
		{"the other side hung up", dial(os.NewSyscallError("read", syscall.ECONNRESET)), gameday.ClassError, 0, "connection reset"},
		{"or in the middle of it", outcome{err: io.ErrUnexpectedEOF}, gameday.ClassError, 0, "connection closed"},
		{"no such host", dial(&net.DNSError{Name: "shop"}), gameday.ClassError, 0, "name not resolved"},
		{"nobody knows who answers", outcome{err: x509.UnknownAuthorityError{}}, gameday.ClassError, 0, "TLS"},
		{"nobody answered the door", dial(os.ErrDeadlineExceeded), gameday.ClassError, 0, "connection timed out"},
		{"the server broke one off of many", outcome{err: errReset(http2.ErrCodeInternal)}, gameday.ClassError, 0, "stream reset"},
		{"as net/http says it", outcome{err: fmt.Errorf("read: %w", http2.StreamError{Code: http2.ErrCodeInternal})}, gameday.ClassError, 0, "stream reset"},
		{"the server said that it goes", outcome{err: fmt.Errorf("%w (GOAWAY)", errGoAway)}, gameday.ClassError, 0, "server went away"},
		{"the server would not take it", outcome{err: errReset(http2.ErrCodeRefusedStream), refused: true}, gameday.ClassError, 0, "refused by the server"},
		{"what it says is no HTTP", outcome{err: errors.New(`not an HTTP/1 response: "hello"`)}, gameday.ClassError, 0, "no proper answer"},
	} {
		require.Equal(t, c.want, failure(c.o, c.class, c.rpc), c.because)
	}
}
