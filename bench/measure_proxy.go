package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/bench/load"
	"github.com/sallyport/sallyport/internal/loopback"
)

// measureProxy is the reverse proxy against httputil.ReverseProxy as it comes,
// each in a process of its own, before the same API, for the same requests.
func measureProxy(ctx context.Context, b *bench) error {
	api, err := b.self(ctx, "api", "serve-api")
	if err != nil {
		return err
	}
	bare, err := b.self(ctx, "bare-proxy", "serve-proxy", "-to", api.addr)
	if err != nil {
		return err
	}
	from, err := b.loaded(ctx)
	if err != nil {
		return err
	}
	dir, err := b.copyOf(from, "proxy")
	if err != nil {
		return err
	}
	ours, err := b.start(ctx, "proxy", dir, fmt.Sprintf("routes:\n  - {upstream: 'http://%s'}\n", api.addr))
	if err != nil {
		return err
	}
	if err := ours.ready(ctx); err != nil {
		return err
	}
	if err := ours.settle(ctx); err != nil {
		return err
	}
	w := b.made.world
	for name, list := range map[string][]load.Request{"electa": w.electaCalls(), "calamp": w.calampCalls()} {
		for _, c := range []*child{ours, bare} {
			if err := once(ctx, c, list); err != nil {
				return err
			}
		}
		err := b.interleave(
			func() error { return b.drive(ctx, "Proxy/"+name, ours, connections, list, b.window) },
			func() error { return b.drive(ctx, "BareProxy/"+name, bare, connections, list, b.window) })
		if err != nil {
			return err
		}
		p, o := b.samples["Proxy/"+name], b.samples["BareProxy/"+name]
		b.report.add(
			row{"reverse proxy, " + name, "req/s", p.rate, o.rate, "httputil.ReverseProxy", atLeast(0.85)},
			row{"  its p99", "ms", p.p99, o.p99, "httputil.ReverseProxy", goal{}})
	}
	return nil
}

// self starts this program as one of its children, at an address of its own.
func (b *bench) self(ctx context.Context, name, command string, args ...string) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := loopback.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	c, err := b.spawn(ctx, name, addr, program, append([]string{command, "-addr", addr}, args...)...)
	if err != nil {
		return nil, err
	}
	return c, c.waitFor(ctx, "/", http.StatusOK)
}

// apiAnswer is what the API answers to every call: as much as a small record.
var apiAnswer = []byte(`{"id":4711,"name":"an example","state":"active","created":"2020-01-02T03:04:05Z","tags":["one","two","three"]}`)

// serveAPI is the API behind both proxies.
func serveAPI(args []string) error {
	f := flag.NewFlagSet("serve-api", flag.ContinueOnError)
	addr := f.String("addr", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	return listenAndServe(*addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(apiAnswer)
	}))
}

// serveProxy is httputil.ReverseProxy and nothing else, with a transport that
// keeps its connections, as anybody would set it up who looked at the figures.
func serveProxy(args []string) error {
	f := flag.NewFlagSet("serve-proxy", flag.ContinueOnError)
	addr := f.String("addr", "", "")
	to := f.String("to", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	upstream := &url.URL{Scheme: "http", Host: *to}
	return listenAndServe(*addr, &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(upstream); r.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true, IdleConnTimeout: 30 * time.Second},
	})
}

// listenAndServe answers until the program is told to stop.
func listenAndServe(addr string, h http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s := &http.Server{Addr: addr, Handler: h} //nolint:gosec // bare: without time-outs, for this machine
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return s.ListenAndServe()
}

// call is a call as a client sends it through a proxy.
func call(uri, headers string) load.Request {
	return load.Request{Bytes: fmt.Appendf(nil, "GET %s HTTP/1.1\r\n%sUser-Agent: curl/8.5.0\r\nAccept: */*\r\n%s\r\n", uri, forwarded, headers),
		Status: http.StatusOK, Body: apiAnswer}
}

// electaCalls and calampCalls are calls with all live tokens.
func (w *world) electaCalls() (list []load.Request) {
	for i := range w.electa {
		t := &w.electa[i]
		list = append(list, call(electaCall(firstNumber+t.owner, t.wire)))
	}
	return list
}

func (w *world) calampCalls() (list []load.Request) {
	for i := range w.calamp {
		list = append(list, call(calampCall(w.calamp[i].wire)))
	}
	return list
}
