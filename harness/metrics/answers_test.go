package metrics

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/gameday-dev/gameday"
)

// remoteShop answers one question with two series, and knows who may ask.
func remoteShop(t *testing.T) (server *httptest.Server, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if user, password, _ := r.BasicAuth(); user != "ada" || password != "sesame" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.FormValue("query") != "up" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"no such function"}`)
			return
		}
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[
			{"metric":{"job":"a"},"values":[[1700000005.123,"0.1"],[1700000006.123,"NaN"],[1700000007.123,"+Inf"]]},
			{"metric":{},"values":[[1700000005.123,"3e300"]]}]}}`)
	}))
	t.Cleanup(server.Close)
	return server, asked
}

func authorizedURL(server *httptest.Server) string {
	return "http://ada:sesame@" + server.Listener.Addr().String()
}

func TestAnswersAreTheSameWithoutTheServer(t *testing.T) {
	server, asked := remoteShop(t)
	own := storeOf(t, `gameday_target_rps 100x10`)
	remote, err := NewRemote(authorizedURL(server), runStart, own)
	require.NoError(t, err)
	live := NewAnswers(remote)
	ctx := context.Background()
	up, err := live.Range(ctx, "up", 5*second, 7*second, 0)
	require.NoError(t, err)
	require.Len(t, up[0].Points, 3)
	_, refused := live.Range(ctx, "lp", 5*second, 7*second, 0)
	require.ErrorContains(t, refused, "no such function")
	require.EqualValues(t, 2, asked.Load())
	again, err := live.Range(ctx, "up", 5*second, 7*second, second)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(up), fmt.Sprint(again))
	require.EqualValues(t, 2, asked.Load(), "a question is asked once")

	dir := t.TempDir()
	require.NoError(t, live.Save(dir))
	server.Close()
	kept, err := LoadAnswers(dir, own)
	require.NoError(t, err)
	offline, err := kept.Range(ctx, "up", 5*second, 7*second, 0)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(up), fmt.Sprint(offline))
	require.True(t, math.IsNaN(offline[0].Points[1].Value))
	_, err = kept.Range(ctx, "lp", 5*second, 7*second, 0)
	require.EqualError(t, err, refused.Error())
	_, err = kept.Range(ctx, "up", 5*second, 8*second, 0)
	require.ErrorContains(t, err, "kept no answer")
	ours, err := kept.Range(ctx, "sum(gameday_target_rps)", second, second, 0)
	require.NoError(t, err)
	require.EqualValues(t, 100, ours[0].Points[0].Value)

	text := unpacked(t, filepath.Join(dir, AnswersName))
	require.NotContains(t, text, "sesame")
	require.NotContains(t, text, "ada")
}

func TestAnswersAreNotKeptOfAQuestionThatWasBrokenOff(t *testing.T) {
	server, asked := remoteShop(t)
	remote, err := NewRemote(authorizedURL(server), runStart, nil)
	require.NoError(t, err)
	a := NewAnswers(remote)
	stopped, stop := context.WithCancel(context.Background())
	stop()
	_, err = a.Range(stopped, "up", 0, second, 0)
	require.ErrorIs(t, err, context.Canceled)
	_, err = a.Range(context.Background(), "up", 0, second, 0)
	require.NoError(t, err)
	require.Positive(t, asked.Load())
}

func TestNobodyReadsWhoAsks(t *testing.T) {
	_, err := NewRemote("http://ada:sesame@", runStart, nil)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "sesame")
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	r, err := NewRemote(authorizedURL(away), runStart, nil)
	require.NoError(t, err)
	_, err = r.Range(context.Background(), "up", 0, second, 0)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "ada")
}

func TestAnswersThatAreDamagedAreRefused(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"of another kind", "hello", "not a file of answers"},
		{"of a later version", `{"version":9,"answers":0}`, "version 9"},
		{"cut off", `{"version":1,"answers":2}` + "\n" + `{"expr":"up","from":"0s","to":"1s","step":"1s"}`, "answer 2 of 2: damaged"},
		{"with a time too much", `{"version":1,"answers":1}` + "\n" + `{"expr":"up","series":[{"at":["1s"],"values":[]}]}`, "1 times and 0 values"},
		{"with a value that is none", `{"version":1,"answers":1}` + "\n" + `{"expr":"up","series":[{"at":["1s"],"values":["x"]}]}`, "invalid syntax"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, AnswersName), packed(t, row.text), 0o600))
			_, err := LoadAnswers(dir, nil)
			require.ErrorContains(t, err, row.want)
		})
	}
	_, err := LoadAnswers(t.TempDir(), nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestAnswersBeyondTheLimitAreCounted(t *testing.T) {
	a := &Answers{kept: map[query]answer{}, points: answerPointsMax - 1}
	a.keep(query{Expr: "up"}, []gameday.Series{{Points: make([]gameday.Point, 2)}}, nil)
	require.Equal(t, 1, a.Lost())
	require.Empty(t, a.kept)
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	require.NoError(t, err)
	_, err = z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func unpacked(t *testing.T, path string) string {
	t.Helper()
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	z, err := zstd.NewReader(nil)
	require.NoError(t, err)
	defer z.Close()
	text, err := z.DecodeAll(file, nil)
	require.NoError(t, err)
	return string(text)
}
