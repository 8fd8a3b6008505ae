package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/bench/load"
	"github.com/sallyport/sallyport/internal/loopback"
)

// Who asks in the measurement of introspection.
const (
	askerID     = "BENCH-ASKER"
	askerSecret = "bench-asker-secret" //nolint:gosec // of a server that lives as long as the measurement
)

// asking is a server with a mount of OAuth 2.0 beside the others.
const asking = `listen: %s
trusted_proxies: [127.0.0.1/32]
data: %s
keys: %s
mounts:
  - {dialect: electa, tenant: ` + electaTenant + `}
  - {dialect: calamp, tenant: ` + calampTenant + `}
  - {dialect: oauth2}
log: {level: warn}
`

// measureIntrospection is RFC 7662 about tokens of other dialects that the server
// has in memory, against a bare handler that gets the same requests.
func measureIntrospection(ctx context.Context, b *bench) error {
	c, err := b.asked(ctx)
	if err != nil {
		return err
	}
	bare, err := b.bare204(ctx)
	if err != nil {
		return err
	}
	w := b.made.world
	electa, calamp := questions(w.electa), questions(w.calamp)
	for _, list := range [][]load.Request{electa, calamp} {
		if err := once(ctx, c, list); err != nil {
			return err
		}
	}
	side := func(name string, c *child, list []load.Request) func() error {
		return func() error { return b.drive(ctx, name, c, connections, list, b.window) }
	}
	err = b.interleave(
		side("Introspect/electa", c, electa), side("Bare/introspect-electa", bare, toBare(electa)),
		side("Introspect/calamp", c, calamp), side("Bare/introspect-calamp", bare, toBare(calamp)))
	if err != nil {
		return err
	}
	for _, d := range []string{"electa", "calamp"} {
		c, o := b.samples["Introspect/"+d], b.samples["Bare/introspect-"+d]
		b.report.add(
			row{"introspection over HTTP, " + d, "req/s", c.rate, o.rate, "bare", atLeast(0.60)},
			row{"  its p99", "ms", c.p99, o.p99, "bare", atMost(2)})
	}
	return nil
}

// questions are a verifier's about all tokens of a dialect.
func questions(tokens []token) (list []load.Request) {
	basic := base64.StdEncoding.EncodeToString([]byte(askerID + ":" + askerSecret))
	for i := range tokens {
		form := "token=" + url.QueryEscape(tokens[i].wire)
		list = append(list, load.Request{
			Bytes: fmt.Appendf(nil, "POST /oauth2/introspect HTTP/1.1\r\n%sAuthorization: Basic %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
				forwarded, basic, len(form), form),
			Status: http.StatusOK, Body: fmt.Appendf(nil, `"sallyport_session":%d,`, tokens[i].session),
		})
	}
	return list
}

// asked is the server with all sessions, and a verifier.
func (b *bench) asked(ctx context.Context) (*child, error) {
	from, err := b.loaded(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := b.copyOf(from, "asked")
	if err != nil {
		return nil, err
	}
	if err := b.putAsker(ctx, dir); err != nil {
		return nil, err
	}
	program, err := b.binary(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := loopback.FreeAddr(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf(asking, addr, filepath.Join(dir, databaseFile), filepath.Join(dir, keysFile))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c, err := b.spawn(ctx, "asked", addr, program, "serve", "--config", file)
	if err != nil {
		return nil, err
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	return c, c.settle(ctx)
}

func (b *bench) putAsker(ctx context.Context, dir string) (err error) {
	store, err := openDatabase(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	keys := b.made.world.keys
	return store.Update(ctx, func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Code: askerID}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: a.ID, Name: "asker", Digest: keys.KeyDigest(askerSecret), Pepper: keys.Pepper(),
			Role: auth.Verifier, Everywhere: true, Created: time.Now().UTC().Truncate(time.Microsecond)})
	})
}
