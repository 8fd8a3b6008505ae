package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/internal/loopback"
	"github.com/sallyport/sallyport/verify"
)

// following is a server, and an API in a process of its own that follows its feed
// over a wire that can be held.
type following struct {
	*bench
	world    *world
	server   *child
	follower *child
	wire     *wire
	client   *http.Client
}

const followConfiguration = `listen: %s
trusted_proxies: [127.0.0.1/32]
data: %s
keys: %s
mounts:
  - dialect: oauth2
    fair_use: {logins_per_hour: 0}
log: {level: warn}
`

// measureFeed is what a following process does: how long a revocation takes to it,
// what it says when it is cut off, and what a check costs there.
func measureFeed(ctx context.Context, b *bench) (err error) {
	f, err := b.follow(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.wire.close()) }()
	return errors.Join(f.revocations(ctx), f.cut(ctx), f.checks(ctx))
}

func (b *bench) follow(ctx context.Context) (*following, error) {
	w, err := b.customers(ctx)
	if err != nil {
		return nil, err
	}
	f := &following{bench: b, world: w, client: &http.Client{Transport: behindProxy{&http.Transport{MaxIdleConnsPerHost: connections}}}}
	dir, err := b.copyOf(w.dir, "feed")
	if err != nil {
		return nil, err
	}
	if err := f.addVerifier(ctx, dir); err != nil {
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
	text := fmt.Sprintf(followConfiguration, addr, filepath.Join(dir, databaseFile), filepath.Join(dir, keysFile))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if f.server, err = b.spawn(ctx, "feed", addr, program, "serve", "--config", file); err != nil {
		return nil, err
	}
	if err := f.server.ready(ctx); err != nil {
		return nil, err
	}
	if f.wire, err = newWire(ctx, addr); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if addr, err = loopback.FreeAddr(ctx); err != nil {
		return nil, err
	}
	if f.follower, err = b.spawn(ctx, "following", addr, self, "serve-following", "-addr", addr, "-server", f.wire.url()); err != nil {
		return nil, err
	}
	return f, f.follower.waitFor(ctx, "/up", http.StatusNoContent)
}

func (f *following) addVerifier(ctx context.Context, dir string) (err error) {
	store, err := openDatabase(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return store.Update(ctx, func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Code: verifierID}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		keys := f.world.keys
		return tx.PutKey(&auth.Key{Account: a.ID, Name: "verifier", Digest: keys.KeyDigest(verifierSecret), Pepper: keys.Pepper(),
			Role: auth.Verifier, Everywhere: true, Created: time.Now().UTC().Truncate(time.Microsecond)})
	})
}

// revocable is a token, and who may end its session.
type revocable struct {
	owner int
	token string
}

// ask sends a form as an account, and returns the answer's body.
func (f *following) ask(ctx context.Context, path string, owner int, form url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+f.server.addr+path, strings.NewReader(form.Encode())) //nolint:gosec // to a child of ours, on loopback
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(strconv.Itoa(firstNumber+owner), f.world.secrets[owner])
	res, err := f.client.Do(r) //nolint:gosec // to a child of ours, on loopback
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", path, res.Status, body)
	}
	return body, err
}

// logins makes so many sessions, of all accounts in turn.
func (f *following) logins(ctx context.Context, n int) ([]revocable, error) {
	list, errs := make([]revocable, n), make([]error, connections)
	var all sync.WaitGroup
	for g := range connections {
		all.Go(func() {
			for i := g; i < n && errs[g] == nil; i += connections {
				var body []byte
				if body, errs[g] = f.ask(ctx, "/oauth2/token", i%accounts, url.Values{"grant_type": {"client_credentials"}}); errs[g] == nil {
					var said struct {
						Token string `json:"access_token"`
					}
					errs[g] = json.Unmarshal(body, &said)
					list[i] = revocable{i % accounts, said.Token}
				}
			}
		})
	}
	all.Wait()
	return list, errors.Join(errs...)
}

func (f *following) revoke(ctx context.Context, t revocable) error {
	_, err := f.ask(ctx, "/oauth2/revoke", t.owner, url.Values{"token": {t.token}})
	return err
}

// call is what the API says to a call with the token: its status.
func (f *following) call(ctx context.Context, t revocable) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.follower.addr+"/", nil) //nolint:gosec // the same
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+t.token)
	res, err := f.client.Do(r) //nolint:gosec // the same
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, errors.Join(err, res.Body.Close())
}

// warm has the API see each token, so that it believes its memory.
func (f *following) warm(ctx context.Context, list []revocable) error {
	for _, t := range list {
		for range 2 {
			status, err := f.call(ctx, t)
			if err == nil && status != http.StatusNoContent {
				err = fmt.Errorf("feed: a live session is refused with %d", status)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// revocations is how long one takes from the moment that it is asked for, until the
// API refuses, and how often the API refuses at once.
func (f *following) revocations(ctx context.Context) error {
	n := 1000
	if f.sessions < quickPlan.sessions {
		n = 20
	}
	list, err := f.logins(ctx, n)
	if err != nil {
		return err
	}
	if err := f.warm(ctx, list); err != nil {
		return err
	}
	took := make(series, 0, n)
	for _, t := range list {
		start := time.Now()
		if err := f.revoke(ctx, t); err != nil {
			return err
		}
		for status := http.StatusNoContent; status != http.StatusUnauthorized; {
			if status, err = f.call(ctx, t); err != nil {
				return err
			}
			if time.Since(start) > patience {
				return errors.New("feed: a revocation does not arrive")
			}
		}
		took = append(took, time.Since(start).Seconds()*1000)
	}
	sorted := slices.Sorted(slices.Values(took))
	p999 := sorted[(len(sorted)*999-1)/1000]
	f.report.sample("Revocation/following", value{took.median(), "p50-ms"}, value{p999, "p99.9-ms"}, value{sorted[n-1], "max-ms"})
	f.report.add(
		row{fmt.Sprintf("revocation until a following process refuses, p99.9 of %d", n), "ms", series{p999}, nil, "", atMost(1000)},
		row{"  median", "ms", series{took.median()}, nil, "", goal{}})
	return nil
}

// cut holds back all that the server says, ends sessions, and counts how often the
// API lets one pass when its freshness is over; and then lets go, all at once.
func (f *following) cut(ctx context.Context) error {
	const each, freshness, watch = 32, time.Second, 1500 * time.Millisecond
	accepted, asked := 0.0, 0.0
	for range min(f.rounds, 3) {
		list, err := f.logins(ctx, each)
		if err != nil {
			return err
		}
		if err := f.warm(ctx, list); err != nil {
			return err
		}
		held := time.Now()
		f.wire.hold()
		for _, t := range list {
			if err := f.revoke(ctx, t); err != nil {
				return err
			}
		}
		a, n, err := f.knock(ctx, list, held.Add(freshness), watch)
		f.wire.release()
		if err != nil {
			return err
		}
		b, m, err := f.knock(ctx, list, time.Now(), watch/3)
		if err != nil {
			return err
		}
		accepted, asked = accepted+a+b, asked+n+m
	}
	f.report.sample("Cut/following", value{accepted, "accepted"}, value{asked, "calls"})
	f.report.add(row{fmt.Sprintf("accepted of %.0f calls after the feed was cut for longer than its freshness", asked), "calls", series{accepted}, nil, "", atMost(0)})
	return nil
}

// knock calls with all tokens at once, from a moment on and for a while.
func (f *following) knock(ctx context.Context, list []revocable, from time.Time, span time.Duration) (accepted, asked float64, err error) {
	time.Sleep(time.Until(from))
	var yes, all atomic.Int64
	errs := make([]error, len(list))
	var calls sync.WaitGroup
	for i, t := range list {
		calls.Go(func() {
			for errs[i] == nil && time.Since(from) < span {
				var status int
				if status, errs[i] = f.call(ctx, t); errs[i] == nil {
					all.Add(1)
					if status == http.StatusNoContent {
						yes.Add(1)
					}
				}
			}
		})
	}
	calls.Wait()
	return float64(yes.Load()), float64(all.Load()), errors.Join(errs...)
}

// checks is what a check costs in the API's own process, in this one for once: of
// tokens that it knows, while it follows the real server.
func (f *following) checks(ctx context.Context) (err error) {
	list, err := f.logins(ctx, tokens)
	if err != nil {
		return err
	}
	v, err := newVerifier("http://" + f.server.addr)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, v.Close(), <-done)
	}()
	n := 200_000
	var took, allocs series
	for deadline := time.Now().Add(patience); len(took) < 2*f.rounds; {
		if err := f.each(ctx, v, list, len(list)); err != nil {
			return err
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		if err := f.each(ctx, v, list, n); err != nil {
			return err
		}
		spent := time.Since(start)
		runtime.ReadMemStats(&after)
		objects := (after.Mallocs - before.Mallocs) * 100 / uint64(n) / 100
		if objects > 0 && len(took) == 0 && time.Now().Before(deadline) {
			continue // it has not heard from the server yet
		}
		ns := float64(spent.Nanoseconds()) / float64(n)
		took, allocs = append(took, ns), append(allocs, float64(objects))
		f.report.sample("FollowingCheck", value{ns, "ns/op"}, value{float64(objects), "allocs/op"})
	}
	f.report.add(
		row{"check in an API's process, from memory", "ns", took, nil, "", atMost(500)},
		row{"  allocations", "a check", allocs, nil, "", atMost(0)})
	return nil
}

func (f *following) each(ctx context.Context, v *verify.Verifier, list []revocable, n int) error {
	for i := range n {
		if _, err := v.Check(ctx, list[i%len(list)].token); err != nil {
			return fmt.Errorf("feed: %w", err)
		}
	}
	return nil
}
