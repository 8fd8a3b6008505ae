package dialecttest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// wireLaws are about what an answer may hold, whatever is answered.
var wireLaws = []law{
	{"no method but GET and POST mints anything at any endpoint", func(b *bench) {
		method, rest, _ := strings.Cut(b.Login(b.Good), " ")
		target, rest, _ := strings.Cut(rest, " ")
		_, query, asked := strings.Cut(target, "?")
		if asked {
			query = "?" + query
		}
		for _, path := range b.Endpoints() {
			for _, method := range []string{http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch, http.MethodTrace, "BREW"} {
				reply := b.Send(method + " " + path + query + " " + rest)
				if b.Token(reply) != "" || len(reply.Header.Values("Set-Cookie")) > 0 {
					b.Errorf("%s %s is answered\n%s", method, path, reply.Raw)
				}
			}
		}
		if n := b.Minted(); n != 0 {
			b.Errorf("%d sessions began", n)
		}
		if b.Token(b.Send(method+" "+target+" "+rest)) == "" {
			b.Error("the same login, unaltered, is refused")
		}
	}},
	{"cookies are for a secure channel and not for scripts", func(b *bench) {
		token := b.mustLogin(b.Good)
		for _, raw := range b.everyRefusal(token) {
			checkCookies(b, b.Send(raw))
		}
		checkCookies(b, b.Send(b.Login(b.Good)))
		checkCookies(b, b.Send(b.Call(token, b.Good)))
	}},
	{"no refusal is stored", func(b *bench) {
		for what, raw := range b.everyRefusal(b.mustLogin(b.Good)) {
			reply := b.Send(raw)
			if b.outcome() == "ok" {
				b.Errorf("%s: passes", what)
			}
			if reply.Header.Get("Cache-Control") != "no-store" {
				b.Errorf("%s: Cache-Control is %q in\n%s", what, reply.Header.Get("Cache-Control"), reply.Raw)
			}
		}
	}},
	{"what was sent does not come back", func(b *bench) {
		const mark = "zq9x"
		for what, raw := range map[string]string{
			"a name and a secret": b.Login(Credential{mark + "<b>'\"", mark + "<i>'\""}),
			"a token":             b.Call(mark+"<b>&amp;"+mark, Credential{mark, mark}),
			"a header":            strings.Replace(b.Login(b.wrong(b.Good)), "\r\n", "\r\nReferer: https://"+mark+"/\r\nX-Request-Id: "+mark+"\r\nAccept-Language: "+mark+"\r\n", 1),
		} {
			if reply := b.Send(raw); strings.Contains(strings.ToLower(reply.Raw), mark) {
				b.Errorf("%s comes back:\n%s", what, reply.Raw)
			}
		}
	}},
	{"no answer holds a secret, nor a token but where clients take it", func(b *bench) {
		reply := b.Send(b.Login(b.Good))
		token := b.Token(reply)
		replies := []Reply{reply, b.Send(b.Call(token, b.Good))}
		for _, raw := range b.everyRefusal(token) {
			refused := b.Send(raw)
			replies = append(replies, refused)
			if half := len(token) / 2; strings.Contains(refused.Raw, token[:half]) || strings.Contains(refused.Raw, token[half+1:]) {
				b.Errorf("a refusal holds a token:\n%s", refused.Raw)
			}
		}
		for _, r := range replies {
			if strings.Contains(r.Raw, b.Good.Secret) {
				b.Errorf("the secret comes back:\n%s", r.Raw)
			}
			for name, values := range r.Header {
				if name == "Set-Cookie" {
					continue
				}
				if all := strings.Join(values, "\n"); strings.Contains(all, token[:len(token)/2]) {
					b.Errorf("the token is in the header %s:\n%s", name, r.Raw)
				}
			}
			for _, name := range []string{"Etag", "Last-Modified", "Expires"} {
				if r.Header.Get(name) != "" {
					b.Errorf("%s makes the answer one to keep:\n%s", name, r.Raw)
				}
			}
		}
	}},
}

// everyRefusal are requests that are refused, each for another reason, with the
// right secret in them where there is one.
func (b *bench) everyRefusal(token string) map[string]string {
	_, rest, _ := strings.Cut(b.Login(b.Good), " ")
	all := map[string]string{
		"a wrong secret":   b.Login(b.wrong(b.Good)),
		"another method":   http.MethodPut + " " + rest,
		"a made-up token":  b.Call(forge(token), b.Good),
		"a call without":   b.Call("", b.Good),
		"half a token":     b.Call(token[:len(token)/2], b.Good),
		"an unknown name":  b.Login(b.Equals[0]),
		"a token and more": b.Call(token+"A", b.Good),
	}
	for what, raw := range b.Bad {
		all[what] = raw
	}
	return all
}

func checkCookies(b *bench, r Reply) {
	b.Helper()
	for _, line := range r.Header.Values("Set-Cookie") {
		if pair, _, _ := strings.Cut(line, ";"); strings.HasSuffix(pair, "=") {
			continue // it takes a cookie back, and says nothing
		}
		attributes := strings.ToLower(line) + ";"
		for _, want := range []string{"; secure;", "; httponly;", "; path=/"} {
			if !strings.Contains(attributes, want) {
				b.Errorf("a cookie without %q: %s", want, line)
			}
		}
		if strings.Contains(attributes, "; domain=") {
			b.Errorf("a cookie for other hosts as well: %s", line)
		}
	}
}

// secretLaws are about what stays when the answer is written.
var secretLaws = []law{
	{"no secret is in the store or in the audit", func(b *bench) {
		token := b.mustLogin(b.Good)
		wrong := b.wrong(b.Good)
		b.login(wrong)
		for _, raw := range b.Bad {
			b.Send(raw)
		}
		text := fmt.Sprintf("%+v", b.Audit())
		files := string(b.Files())
		for what, s := range map[string]string{"the secret": b.Good.Secret, "a wrong secret": wrong.Secret,
			"half the token": token[:len(token)/2], "the other half": token[len(token)/2+1:]} {
			if strings.Contains(files, s) {
				b.Errorf("the store's files hold %s", what)
			}
			if strings.Contains(text, s) {
				b.Errorf("the audit holds %s", what)
			}
		}
	}},
	{"each judged attempt is in the audit", func(b *bench) {
		want := func(attempts int) {
			b.Helper()
			all := b.Audit()
			if len(all) != attempts {
				b.Fatalf("%d events of %d attempts", len(all), attempts)
			}
			if e := all[attempts-1]; e.Mount != b.Mount().Name || e.Source != "127.0.0.1" || e.Request == "" || !e.At.Equal(Start) {
				b.Errorf("the event is %+v", e)
			}
		}
		b.mustLogin(b.Good)
		want(1)
		if e := b.Audit()[0]; e.Subject == "" || e.Session == 0 {
			b.Errorf("who logged in is not in %+v", e)
		}
		b.login(b.wrong(b.Good))
		want(2)
		if e := b.Audit()[1]; e.Reason != string(auth.BadCredentials) || e.Session != 0 {
			b.Errorf("the refusal is %+v", e)
		}
	}},
	{"unknown name and wrong secret are equal work", func(b *bench) {
		work := func(c Credential) uint64 {
			b.Advance(b.Mount().Names.Window) // none of them is locked
			before := b.Service().Hasher().Work()
			if b.login(c) != "" || b.outcome() == string(auth.Locked) {
				b.Fatalf("the login of %q is not judged: %s", c.Name, b.outcome())
			}
			return b.Service().Hasher().Work() - before
		}
		want := work(b.wrong(b.Good))
		for _, c := range b.Equals {
			if got := work(c); got != want {
				b.Errorf("%q costs %d bytes of hashing, a wrong secret %d", c.Name, got, want)
			}
		}
	}},
}
