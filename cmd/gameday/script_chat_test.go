package main

import (
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/websocket"
)

// A chatRoom takes down what its clients say to it over WebSockets, and answers every word.
type chatRoom struct {
	mu    sync.Mutex
	talks map[string]int // clients by what they said until they left
}

func (r *chatRoom) serve(ws *websocket.Conn) {
	var words []string
	for word := ""; websocket.Message.Receive(ws, &word) == nil; {
		words = append(words, word)
		_ = websocket.Message.Send(ws, "you said "+word) // who left is noticed above
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.talks[strings.Join(words, " ")]++
}

// times returns how many clients said just that.
func (r *chatRoom) times(words string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.talks[words]
}

// chat: URL is that of a chat room.
func scriptChat(ts *testscript.TestScript, _ bool, _ []string) {
	room := ts.Value("chat").(*chatRoom)
	server := httptest.NewServer(websocket.Server{Handler: room.serve}) // clients of any origin are welcome
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}

// talk LOG WORD...: a client of the server whose URL stands in the log says each word when the one before was answered, and
// leaves.
func scriptTalk(ts *testscript.TestScript, _ bool, args []string) {
	url := regexp.MustCompile(`http://[0-9.:]+`).FindString(ts.ReadFile(args[0]))
	ws, err := websocket.Dial(strings.Replace(url, "http", "ws", 1)+"/chat", "", url)
	ts.Check(err)
	for _, word := range args[1:] {
		answer := ""
		ts.Check(websocket.Message.Send(ws, word))
		ts.Check(websocket.Message.Receive(ws, &answer))
		if answer != "you said "+word {
			ts.Fatalf("the answer to %s is %q", word, answer)
		}
	}
	ts.Check(ws.Close())
}

// heard CLIENTS WORD...: so many clients of the chat room have said just that until they left, within 30 seconds.
func scriptHeard(ts *testscript.TestScript, _ bool, args []string) {
	room, words := ts.Value("chat").(*chatRoom), strings.Join(args[1:], " ")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if !eventually(30*time.Second, func() bool { return room.times(words) == want }) {
		ts.Fatalf("%d clients said %q, want %d", room.times(words), words, want)
	}
}
