package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"sync/atomic"
	"syscall"

	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/server"
	"golang.org/x/crypto/argon2"
)

// children are what this program is when it starts itself.
var children = map[string]func(args []string) error{
	"serve-bare":      serveBare,
	"serve-api":       serveAPI,
	"serve-proxy":     serveProxy,
	"serve-profiled":  serveProfiled,
	"serve-following": serveFollowing,
}

// serveBare is the ceiling of everything over HTTP: net/http answers 204 to all
// requests and does nothing else, but hash passwords beside it if it is told to,
// as fast as it can in so many goroutines, and say at /hashes how many it has done.
func serveBare(args []string) error {
	f := flag.NewFlagSet("serve-bare", flag.ContinueOnError)
	addr := f.String("addr", "", "")
	hashing := f.Int("hash", 0, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	var hashes atomic.Uint64
	for range *hashing {
		go hashForEver(&hashes)
	}
	mux := func(w http.ResponseWriter, r *http.Request) {
		if *hashing > 0 && r.URL.Path == "/hashes" {
			fmt.Fprint(w, hashes.Load())
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	return (&http.Server{Addr: *addr, Handler: http.HandlerFunc(mux)}).ListenAndServe() //nolint:gosec // bare: without time-outs, for this machine
}

// hashForEver computes what a login with a password costs: argon2id with the
// server's parameters, see secret/hash_argon2.go.
func hashForEver(done *atomic.Uint64) {
	password, salt := []byte(userPassword), make([]byte, 16)
	for {
		argon2.IDKey(password, salt, 2, 19456, 1, 32)
		done.Add(1)
	}
}

// serveProfiled is "sallyport serve" with a CPU profile, which the product does
// not make.
func serveProfiled(args []string) error {
	f := flag.NewFlagSet("serve-profiled", flag.ContinueOnError)
	file := f.String("config", "", "")
	profile := f.String("profile", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := server.New(ctx, cfg, server.Options{})
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Clean(*profile))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // one that is cut off says so when it is read
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return s.Run(ctx)
}
