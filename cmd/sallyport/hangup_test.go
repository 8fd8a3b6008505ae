package main

import (
	"strings"
	"syscall"
	"testing"
)

// SIGHUP would end a process that does not ask for it.
func TestHangupEndsNothing(t *testing.T) {
	said := make(chan string, 1)
	defer ignoreHangup(func(text string) { said <- text })()
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if text := <-said; !strings.Contains(text, "at a restart") {
		t.Errorf("it says %q", text)
	}
}
