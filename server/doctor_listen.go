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

	"github.com/sallyport/sallyport/secret"
)

// answerWithin bounds a question to this machine's own server.
const answerWithin = 5 * time.Second

// holder is who listens on an address.
type holder string

// The holders. Each is what people are told.
const (
	ours     holder = ""
	another  holder = "another Sallyport, of another key set or database, listens on"
	stranger holder = "another program listens on"
	untold   holder = "a Sallyport listens, and without the key set nobody can tell which, on"
)

// listeners looks whether the addresses are free, or this server's already.
func (d *doctor) listeners(ctx context.Context) {
	who := d.listener(ctx, "listen", d.cfg.Listen, func() holder { return d.holder(ctx, "listen", d.cfg.Listen, d.cfg.TLS.On()) })
	if at := d.cfg.Admin.Listen; at != "" {
		d.listener(ctx, "admin.listen", at, func() holder { return d.holder(ctx, "admin.listen", at, d.cfg.Admin.Open && d.cfg.TLS.On()) })
	}
	if at := d.cfg.ExtAuthz.Listen; at != "" {
		// Envoy alone is answered there, so it is the server's if all else is.
		d.listener(ctx, "ext_authz.listen", at, func() holder {
			if who != ours {
				return stranger
			}
			return ours
		})
	}
}

// holder asks whoever listens on an address of this machine to show that it is the
// server of this configuration.
func (d *doctor) holder(ctx context.Context, field, at string, secure bool) holder {
	c := claim{challenge: draw(), listener: field, database: sameDatabase(d.cfg.Data)}
	if _, port, err := net.SplitHostPort(at); err == nil {
		c.port, _ = new(net.Resolver).LookupPort(ctx, "tcp", port) // 0, which nobody has, if there is no such
	}
	_, answer := ask(ctx, at, instancePath+"?challenge="+c.challenge, secure)
	keys, err := secret.LoadKeys(d.cfg.Keys)
	if err != nil { // which was told
		keys = new(secret.Keys)
	}
	switch is, proved := c.proved(answer, keys); {
	case !is:
		return stranger
	case err != nil:
		return untold
	case !proved:
		return another
	}
	return ours
}

// listener says whether an address is free, and if it is not, who holds it.
func (d *doctor) listener(ctx context.Context, field, at string, holds func() holder) holder {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case err == nil:
		if err := l.Close(); err != nil {
			d.warn("listen", "try again", "%s %s: %v", field, at, err)
			return stranger
		}
		d.fine("listen", "%s %s is free: the server does not run", field, at)
	case errors.Is(err, syscall.EADDRINUSE):
		who := holds()
		d.taken(ctx, field, at, who)
		return who
	case errors.Is(err, syscall.EACCES):
		d.bad("listen", "give the service AmbientCapabilities=CAP_NET_BIND_SERVICE, or take a port from 1024 on", "%s %s: you may not listen there", field, at)
	default:
		d.bad("listen", "write an address of this machine, or :PORT for all of them", "%s %s: %v", field, at, err)
	}
	return stranger
}

// taken says who holds an address that is taken, and of our own server whether it is
// ready.
func (d *doctor) taken(ctx context.Context, field, at string, who holder) {
	switch who {
	case ours:
		if field == "listen" {
			if code, body := ask(ctx, at, "/-/ready", d.cfg.TLS.On()); code != http.StatusOK {
				d.bad("listen", "see its log", "the server at %s %s is not ready: %s", field, at, strings.TrimSpace(body))
				return
			}
		}
		d.fine("listen", "%s %s is answered by this server", field, at)
	case untold:
		d.warn("listen", "mend the key set first", "%s %s %s", who, field, at)
	case another:
		d.bad("listen", "stop it, or change "+field+"; if it should be this one, restart it: it was started before keys, data or the port were changed", "%s %s %s", who, field, at)
	case stranger:
		d.bad("listen", "stop it, or change "+field, "%s %s %s", who, field, at)
	}
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
