package main

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyALaterSignalIsTheSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		first := time.Now()
		signals <- os.Interrupt
		time.AfterFunc(signalEcho-1, func() { signals <- os.Interrupt })
		time.AfterFunc(signalEcho, func() { signals <- os.Kill })
		require.Equal(t, os.Kill, another(signals, first))
		require.Equal(t, signalEcho, time.Since(first))
	})
}
