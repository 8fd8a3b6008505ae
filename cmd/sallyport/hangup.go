package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignoreHangup keeps SIGHUP from ending the server: many send it to have a
// program read its configuration again. Here it is only said what that takes.
func ignoreHangup(remark func(string)) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-hangups:
				remark("SIGHUP changes nothing: certificate and key set are read again when they change, the configuration at a restart")
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
	}
}
