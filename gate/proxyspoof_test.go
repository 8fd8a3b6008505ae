package gate

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// However a client writes a claim to be somebody, the API hears the gate alone:
// over HTTP/1 as raw bytes and over HTTP/2, once or twice, named in Connection,
// and as a trailer.
func TestProxyLetsNobodyClaimAnIdentity(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	names := spellings
	for i := range 64 { // mixtures of case and separators
		name := []byte("sallyport-account")
		for j := range name {
			if i>>(j%6)&1 == 1 {
				switch name[j] {
				case '-':
					name[j] = "_.~!$%&'*+^`|#"[i%14]
				default:
					name[j] -= 'a' - 'A'
				}
			}
		}
		names = append(names, string(name))
	}
	for _, name := range names {
		for _, how := range []string{
			name + ": victim\r\n",
			name + ":victim\r\n" + name + ":\t victim \r\n",
			name + ": victim\r\nConnection: " + name + ", Sallyport-Account, Sallyport-Session, X-Forwarded-For\r\n",
			"Connection: keep-alive, sallyport-account\r\nConnection: SALLYPORT-SUBJECT\r\n" + name + ": victim\r\n",
			"Transfer-Encoding: chunked\r\nTrailer: " + name + ", X-Ok\r\n\r\n1\r\nx\r\n0\r\n" + name + ": victim\r\nX-Ok: fine\r\n",
			"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + name + ": victim\r\n",
		} {
			res, body := f.say(t, "POST /x HTTP/1.1\r\n"+f.credentials()+how+"\r\n")
			f.heardOnlyTheGate(t, a, fmt.Sprintf("%q", how), res, body)
		}
		if strings.ContainsAny(name, "#") {
			continue
		}
		r := f.ask(t, "POST", "/x", nil)
		r.Header[name] = []string{"victim", "victim"}
		res, err := f.Client().Do(r)
		if err != nil {
			continue // refused by the client itself
		}
		res.Body.Close()
		f.heardOnlyTheGate(t, a, "HTTP/2 "+name, res, "")
	}
}

func (f *front) heardOnlyTheGate(t *testing.T, a *api, how string, res *http.Response, body string) {
	t.Helper()
	saw := a.heard()
	if res.StatusCode == 400 && saw == "" {
		return // the server itself found it malformed
	}
	if res.StatusCode != 200 {
		t.Errorf("%s: answered %d %s", how, res.StatusCode, body)
	}
	for _, s := range []string{"victim", f.calamp, f.electa} {
		if strings.Contains(saw, s) {
			t.Errorf("%s: %s reached the API in\n%s", how, s, saw)
		}
	}
	if strings.Count(strings.ToLower(saw), "\r\nsallyport") != 4 || !strings.Contains(saw, "\r\nSallyport-Account: "+accountNumber+"\r\n") {
		t.Errorf("%s: the API is told\n%s", how, saw)
	}
}

// Wherever a token stands beside whatever else, it never reaches the API.
func TestProxyNeverPassesOnAToken(t *testing.T) {
	a := newAPI(t, nil)
	f := newKit(t).front(t, to(t, a.URL))
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab;&=+%2C []\"\\/.,:-_\t\u00fc{}<>")), 0, 12, -1)
	spell := func(t *rapid.T, name string) string {
		b := []byte(name)
		for i := range b {
			if rapid.Bool().Draw(t, "upper") {
				b[i] = strings.ToUpper(name)[i]
			}
		}
		return string(b)
	}
	encode := func(t *rapid.T, s string) string {
		if !rapid.Bool().Draw(t, "encoded") {
			return s
		}
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02x", s[i])
		}
		return b.String()
	}
	reached := 0
	rapid.Check(t, func(rt *rapid.T) {
		pairs := []string{"cid=" + accountNumber, spell(rt, "token") + "=" + encode(rt, f.electa)}
		for range rapid.IntRange(0, 3).Draw(rt, "others") {
			pairs = append(pairs, url.QueryEscape(text.Draw(rt, "name"))+"="+url.QueryEscape(text.Draw(rt, "value")))
		}
		pairs = rapid.Permutation(pairs).Draw(rt, "order")
		joined := strings.Join(pairs, rapid.SampledFrom([]string{"&", ";", "&&"}).Draw(rt, "separator"))
		path := "/" + url.PathEscape(text.Draw(rt, "path"))
		request := ""
		switch rapid.IntRange(0, 3).Draw(rt, "where") {
		case 0:
			request = "GET " + path + "?" + joined + " HTTP/1.1\r\nHost: both.example\r\nConnection: close\r\n\r\n"
		case 1:
			request = "POST " + path + " HTTP/1.1\r\nHost: both.example\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(joined), joined)
		case 2:
			request = "GET " + path + " HTTP/1.1\r\nHost: both.example\r\nConnection: close\r\nCalamp-Services-App: " + app + "\r\nCookie: a=b" +
				rapid.SampledFrom([]string{"; ", ";", " ;\t", "\r\nCookie: "}).Draw(rt, "separator") + "authToken=" +
				rapid.SampledFrom([]string{"%s", "\"%s\"", " %s "}).Draw(rt, "quotes") + "\r\n\r\n"
			request = strings.Replace(request, "%s", f.calamp, 1)
		case 3:
			request = "PUT " + path + " HTTP/1.1\r\nHost: both.example\r\nConnection: close\r\nCalamp-Services-App: " + app + "\r\n" +
				spell(rt, "authorization") + ": " + spell(rt, "bearer") + rapid.SampledFrom([]string{" ", "  "}).Draw(rt, "space") + f.calamp + "\r\nContent-Length: 0\r\n\r\n"
		}
		before := a.calls.Load()
		f.say(t, request)
		if a.calls.Load() > before {
			reached++
		}
		saw := a.heard()
		decoded, _ := url.QueryUnescape(strings.ReplaceAll(saw, "%;", ""))
		for _, s := range []string{f.electa, f.calamp} {
			if strings.Contains(strings.ToLower(saw+decoded), strings.ToLower(s)) || strings.Contains(saw, encodeAll(s)) {
				rt.Fatalf("a token reached the API in\n%s\nof\n%s", saw, request)
			}
		}
	})
	if reached == 0 {
		t.Error("no call reached the API")
	}
}

func encodeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}
