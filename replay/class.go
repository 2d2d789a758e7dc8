package replay

import (
	"strconv"

	gameday "github.com/gameday-dev/gameday"
)

// classify says how an answered request ended, given the recorded status; 0 when none was seen.
//
// A refusal that the recording has too, such as a 404, is what the client expected, and so ok. A 4xx where
// the recording has something else is an error: a session that meets a 401 half way is broken, whoever is
// to blame.
func classify(a answer, recorded int, rpc rpcStatus) gameday.Class {
	switch {
	case rpc != 0 && a.status == 200:
		return classifyRPC(a.rpc, rpc)
	case a.status == 429, a.status == 503 && a.retry:
		return gameday.ClassRejected
	case a.status >= 500:
		return gameday.ClassError
	case a.status >= 400 && a.status != recorded:
		return gameday.ClassError
	case a.status >= 400:
		return gameday.ClassOK
	case a.degraded:
		return gameday.ClassDegraded
	}
	return gameday.ClassOK
}

// classifyRPC is classify for gRPC, whose answers all have status 200 of HTTP.
func classifyRPC(now, recorded rpcStatus) gameday.Class {
	switch now {
	case rpcOK:
		return gameday.ClassOK
	case rpcExhausted, rpcUnavailable:
		return gameday.ClassRejected
	case recorded:
		return gameday.ClassOK
	}
	return gameday.ClassError
}

// An rpcStatus is the status of a gRPC answer, plus 1; 0 is none.
type rpcStatus int

// The statuses that are told apart.
const (
	rpcOK          rpcStatus = 1 + 0
	rpcExhausted   rpcStatus = 1 + 8
	rpcUnavailable rpcStatus = 1 + 14
)

// rpcUnseen stands for a recorded answer of gRPC that was not seen.
const rpcUnseen rpcStatus = -1

// readRPC reads the Grpc-Status of an answer; it returns 0 when that is none.
func readRPC(text string) rpcStatus {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0
	}
	return rpcStatus(n) + 1
}

func succeeded(c gameday.Class) bool {
	return c == gameday.ClassOK || c == gameday.ClassDegraded
}
