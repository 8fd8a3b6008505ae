package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/bench/load"
	"github.com/sallyport/sallyport/internal/loopback"
)

// configuration is what a server is measured with: the defaults, behind a proxy
// on this machine that has taken TLS off.
const configuration = `listen: %s
trusted_proxies: [127.0.0.1/32]
data: %s
keys: %s
mounts:
  - {dialect: electa, tenant: ` + electaTenant + `}
  - dialect: calamp
    tenant: ` + calampTenant + `
    fair_use: {logins_per_hour: 0}
log: {level: warn}
`

// start starts the real server on a directory and returns at once. more are
// further lines of its configuration.
func (b *bench) start(ctx context.Context, name, dir, more string) (*child, error) {
	return b.startOn(ctx, name, dir, filepath.Join(dir, databaseFile), filepath.Join(dir, keysFile), more)
}

// startOn is start on a database and a key set that may be elsewhere.
func (b *bench) startOn(ctx context.Context, name, dir, data, keys, more string) (*child, error) {
	program, err := b.binary(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := loopback.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(configuration, addr, data, keys) + more
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if b.profile == "" {
		return b.spawn(ctx, name, addr, program, "serve", "--config", file)
	}
	if program, err = os.Executable(); err != nil {
		return nil, err
	}
	return b.spawn(ctx, name, addr, program, "serve-profiled", "-config", file, "-profile", filepath.Join(b.profile, name+".prof"))
}

// ready waits until a server answers calls.
func (c *child) ready(ctx context.Context) error {
	return c.waitFor(ctx, "/-/ready", http.StatusOK)
}

// running is a server on a copy of a database, started once for each name and
// left in peace until it has nothing more to do.
func (b *bench) running(ctx context.Context, name, from string) (*child, error) {
	if c := b.made.server[name]; c != nil {
		return c, nil
	}
	dir, err := b.copyOf(from, name)
	if err != nil {
		return nil, err
	}
	c, err := b.start(ctx, name, dir, "")
	if err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	b.made.server[name] = c
	return c, c.settle(ctx)
}

// big is the server with all sessions in its database.
func (b *bench) big(ctx context.Context) (*child, error) {
	from, err := b.loaded(ctx)
	if err != nil {
		return nil, err
	}
	return b.running(ctx, "big", from)
}

// small is the server without any.
func (b *bench) small(ctx context.Context) (*child, error) {
	w, err := b.customers(ctx)
	if err != nil {
		return nil, err
	}
	return b.running(ctx, "small", w.dir)
}

// The headers of the proxy in front.
const forwarded = "Host: api.bench.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.7\r\n"

// check is what a proxy asks about a call, and the identity it must be told.
func check(call, headers string, t *token) load.Request {
	r := ask(call, headers)
	r.Status, r.Head = http.StatusOK, fmt.Appendf(nil, "Sallyport-Session: %d\r\n", t.session)
	return r
}

// refused is the same about a call that must not pass.
func refused(call, headers string) load.Request {
	r := ask(call, headers)
	r.Status, r.Lacks = http.StatusUnauthorized, []byte("Sallyport-")
	return r
}

func ask(call, headers string) load.Request {
	return load.Request{Bytes: fmt.Appendf(nil, "GET /-/check HTTP/1.1\r\n%sX-Forwarded-Method: GET\r\nX-Forwarded-Host: api.bench.example\r\nX-Forwarded-Uri: %s\r\n%s\r\n",
		forwarded, call, headers)}
}

// electaCall carries a token in the query, calampCall in a cookie.
func electaCall(number int, token string) (call, headers string) {
	return fmt.Sprintf("/event/list/?CID=%d&Token=%s", number, token), ""
}

func calampCall(token string) (call, headers string) {
	return "/connect/services/users/currentUser", "calamp-services-app: " + calampApp + "\r\nCookie: authToken=" + token + "\r\n"
}

// electaChecks and calampChecks are checks of all live tokens.
func (w *world) electaChecks() (list []load.Request) {
	for i := range w.electa {
		t := &w.electa[i]
		call, headers := electaCall(firstNumber+t.owner, t.wire)
		list = append(list, check(call, headers, t))
	}
	return list
}

func (w *world) calampChecks() (list []load.Request) {
	for i := range w.calamp {
		call, headers := calampCall(w.calamp[i].wire)
		list = append(list, check(call, headers, &w.calamp[i]))
	}
	return list
}

// electaLogins are logins of all accounts, calampLogins of all users.
func (w *world) electaLogins() (list []load.Request) {
	for i, s := range w.secrets {
		list = append(list, load.Request{
			Bytes:  fmt.Appendf(nil, "GET /token/?cid=%d&appkey=%s HTTP/1.1\r\n%s\r\n", firstNumber+i, s, forwarded),
			Status: http.StatusOK, Body: []byte("<ResponseCode>0</ResponseCode><ResponseData>"),
		})
	}
	return list
}

func (w *world) calampLogins() (list []load.Request) {
	for i := range users {
		form := "username=" + userName(i) + "&password=correct+horse+battery+staple"
		list = append(list, load.Request{
			Bytes: fmt.Appendf(nil, "POST /connect/services/login?useAuthToken=true HTTP/1.1\r\n%scalamp-services-app: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
				forwarded, calampApp, len(form), form),
			Status: http.StatusOK, Head: []byte("Set-Cookie: authToken="),
		})
	}
	return list
}

// toBare is the same requests for the bare handler, so that both servers read
// the same.
func toBare(requests []load.Request) (list []load.Request) {
	for _, r := range requests {
		list = append(list, load.Request{Bytes: r.Bytes, Status: http.StatusNoContent})
	}
	return list
}

// minimal is the least that a request can be, 64 times.
func minimal() (list []load.Request) {
	for range 64 {
		list = append(list, load.Request{Bytes: []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Status: http.StatusNoContent})
	}
	return list
}
