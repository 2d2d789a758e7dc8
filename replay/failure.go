package replay

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/net/http2"

	gameday "github.com/gameday-dev/gameday"
)

// Causes of failures where there was no answer. Those with an answer are "status 500" and "grpc status 14".
const (
	failedTimeout  = "timeout"
	failedRefused  = "connection refused"
	failedReset    = "connection reset"
	failedClosed   = "connection closed"
	failedName     = "name not resolved"
	failedTLS      = "TLS"
	failedDial     = "connection timed out"
	failedProtocol = "no proper answer"
	failedStream   = "stream reset"          // by the server: of HTTP/2
	failedGone     = "server went away"      // and said so, over HTTP/2
	failedTurned   = "refused by the server" // which did nothing with it, twice
)

// failure says in few words, of which there are not many, why a request failed; "" when it succeeded. The error itself
// may say more, and another thing each time.
func failure(o outcome, class gameday.Class, rpc rpcStatus) string {
	switch {
	case o.late:
		return failedTimeout
	case o.refused:
		return failedTurned
	case o.err != nil:
		return broken(o.err)
	case succeeded(class):
		return ""
	case rpc != 0 && o.answer.status == 200:
		return "grpc status " + strconv.Itoa(int(o.answer.rpc)-1)
	}
	return "status " + strconv.Itoa(o.answer.status)
}

// denied reports whether a failure says that the sender is not known, or not allowed.
func denied(failure string) bool {
	switch failure {
	case "status 401", "status 403", "grpc status 7", "grpc status 16":
		return true
	}
	return false
}

// broken says what became of a connection.
func broken(err error) string {
	var name *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	var reset errReset
	var resetByHTTP http2.StreamError // that of net/http is like it
	switch {
	case errors.Is(err, errGoAway):
		return failedGone
	case errors.As(err, &reset), errors.As(err, &resetByHTTP):
		return failedStream
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT): // of a Unix socket
		return failedRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failedReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return failedClosed
	case errors.As(err, &name):
		return failedName
	case errors.As(err, &untrusted), errors.As(err, &unknown), errors.As(err, &record), errors.As(err, &alert):
		return failedTLS
	case errors.As(err, &timeout) && timeout.Timeout():
		return failedDial
	}
	return failedProtocol
}
