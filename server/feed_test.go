package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/verify"
)

// The whole program is followed by a verifier of its demo, tells it what ends, and
// stops in good order while it is followed.
func TestFollowed(t *testing.T) {
	d, err := NewDemo(t.Context(), DemoOptions{Addr: "127.0.0.1:0", Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(t, d)
	base := "http://" + d.Addr().String()
	v, err := verify.New(verify.Options{Server: base, ClientID: "demo-verifier", ClientSecret: "demo-verifier-secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	go func() { _ = v.Run(t.Context()) }()

	const number, key = "123456", "UO86CN11XY73SF72TT40PG18ZE76VV71"
	form := func(path string, values url.Values) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, base+path, strings.NewReader(values.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(number, key)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
	}
	token := loginElecta(t, base, number, key)
	if s, err := v.Check(t.Context(), token); err != nil || s.Account != number || s.Dialect != "electa" {
		t.Fatalf("%+v, %v", s, err)
	}
	form("/oauth2/revoke", url.Values{"token": {token}})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := v.Check(t.Context(), token); err != nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a revoked session is still good")
		}
	}
	stop() // an error would be one of the test
}

func loginElecta(t *testing.T, base, number, key string) string {
	t.Helper()
	res, err := http.Get(base + "/token/?cid=" + number + "&appkey=" + key)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b [1024]byte
	n, _ := res.Body.Read(b[:])
	_, token, _ := strings.Cut(string(b[:n]), "<ResponseData>")
	token, _, _ = strings.Cut(token, "<")
	return token
}
