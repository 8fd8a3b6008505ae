package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// answerWithin bounds a question to this machine's own server.
const answerWithin = 5 * time.Second

// listeners looks whether the addresses are free, or this server's already.
func (d *doctor) listeners(ctx context.Context) {
	ours := d.listener(ctx, "listen", d.cfg.Listen, "/-/ready", d.cfg.TLS.On(), func(body string) bool {
		return body == "ready\n" || body == "not ready\n" || body == "stopping\n"
	})
	if at := d.cfg.Admin.Listen; at != "" {
		d.listener(ctx, "admin.listen", at, "/metrics", d.cfg.Admin.Open && d.cfg.TLS.On(), func(body string) bool {
			return strings.Contains(body, "\nsallyport_")
		})
	}
	if at := d.cfg.ExtAuthz.Listen; at != "" {
		// Envoy alone is answered there, so it is the server's if all else is.
		d.listener(ctx, "ext_authz.listen", at, "", false, func(string) bool { return ours })
	}
}

// listener says whether a server of ours answers at an address.
func (d *doctor) listener(ctx context.Context, field, at, path string, secure bool, ours func(body string) bool) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case err == nil:
		if err := l.Close(); err != nil {
			d.warn("listen", "try again", "%s %s: %v", field, at, err)
			return false
		}
		d.fine("listen", "%s %s is free: the server does not run", field, at)
	case errors.Is(err, syscall.EADDRINUSE):
		code, body := 0, ""
		if path != "" {
			code, body = ask(ctx, at, path, secure)
		}
		switch {
		case !ours(body):
			d.bad("listen", "stop it, or change "+field, "another program, or a server with another configuration, listens on %s %s", field, at)
		case code == http.StatusServiceUnavailable:
			d.bad("listen", "see its log", "the server at %s %s is not ready: %s", field, at, strings.TrimSpace(body))
			return true
		default:
			d.fine("listen", "%s %s is answered by this server", field, at)
			return true
		}
	case errors.Is(err, syscall.EACCES):
		d.bad("listen", "give the service AmbientCapabilities=CAP_NET_BIND_SERVICE, or take a port from 1024 on", "%s %s: you may not listen there", field, at)
	default:
		d.bad("listen", "write an address of this machine, or :PORT for all of them", "%s %s: %v", field, at, err)
	}
	return false
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ask asks whoever listens at an address of this machine.
func ask(ctx context.Context, at, path string, secure bool) (code int, body string) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return 0, ""
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	transport := &http.Transport{DisableKeepAlives: true}
	if secure {
		scheme = "https://"
		//nolint:gosec // who it is shows in what it answers, and nothing is told it; its certificate was looked at in its file
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return 0, ""
	}
	res, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(b)
}
