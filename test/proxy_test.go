package test

import (
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// The configuration of the reverse proxy's page does what the page says.
func TestProxyPage(t *testing.T) {
	var reached atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		r.Header.Set("Address", r.RequestURI)
		_ = json.NewEncoder(w).Encode(r.Header)
	}))
	t.Cleanup(api.Close)
	r := newReader(t)
	certificate(t, r.dir)
	b, err := os.ReadFile(filepath.Join("common", "accounts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	r.do(block{kind: "file", arg: "accounts.yaml", text: string(b)})
	page := blocks(t, "docs/gate/proxy.md")
	if len(page) != 1 || page[0].arg != "config.yaml" {
		t.Fatalf("the page has %v to test", page)
	}
	page[0].text = strings.ReplaceAll(page[0].text, "http://127.0.0.1:9000", api.URL)
	r.do(page[0])
	r.do(block{kind: "run", text: "bin/sallyport apply -f accounts.yaml --config config.yaml"})
	base := "https://" + r.place.Replace("127.0.0.1:8443")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
	r.startAt("bin/sallyport serve --config config.yaml", base, client)

	ask := func(path string) (int, string) {
		t.Helper()
		res, err := client.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	_, login := ask("/token/?cid=" + number + "&appkey=" + secret)
	m := granted.FindStringSubmatch(login)
	if m == nil {
		t.Fatalf("the login is answered %s", login)
	}
	for path, want := range map[string]string{"/logs/": "/logs/?cid=" + number, "/reports/x%2Fy": "/v2/reports/x%2Fy?cid=" + number} {
		status, body := ask(path + "?cid=" + number + "&token=" + m[1])
		var told http.Header
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != 200 {
			t.Fatalf("%s is answered %d %s", path, status, body)
		}
		if told.Get("Address") != want || told.Get("Sallyport-Account") != number || strings.Contains(body, m[1]) {
			t.Errorf("%s: the API is told %s", path, body)
		}
	}
	before := reached.Load()
	for _, path := range []string{"/logs/", "/reports", "/logs/?cid=" + number + "&token=9C467079-FE3B-45C5-8AA5-9726397081AA", "/logs/?cid=11267192&token=" + m[1]} {
		if status, body := ask(path); !strings.Contains(body, "<ResponseCode>1</ResponseCode>") {
			t.Errorf("%s is answered %d %s", path, status, body)
		}
	}
	if reached.Load() != before {
		t.Error("a call without a session reached the API")
	}
	api.Close()
	if status, body := ask("/logs/?cid=" + number + "&token=" + m[1]); status != 502 || !strings.Contains(body, "<ResponseCode>2</ResponseCode>") {
		t.Errorf("without its API a call is answered %d %s", status, body)
	}
}
