package electa

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestStripQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                               "",
		"a=1":                            "a=1",
		"cid=1&token=s":                  "cid=1",
		"token=s&cid=1":                  "cid=1",
		"cid=1&TOKEN=s&b=%20&AppKey=k&c": "cid=1&b=%20&c",
		"cid=1;token=s;x=y":              "cid=1;x=y",
		"cid=1&t%6Fken=s":                "cid=1",
		"cid=1&+token=s":                 "cid=1",
		"tokens=1&mytoken=2":             "tokens=1&mytoken=2",
		"token":                          "",
		"token=s&token=s":                "",
	} {
		if got := withoutSecrets(raw); got != want {
			t.Errorf("%q is stripped to %q, want %q", raw, got, want)
		}
	}
}

func TestStripForm(t *testing.T) {
	form := func(body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/event/create?Token=s&x=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
		return r
	}
	big := "token=s&a=" + strings.Repeat("b", maxForm)
	for body, want := range map[string]string{
		"cid=1&token=s&Topic=a+b": "cid=1&Topic=a+b",
		"cid=1&Topic=a+b":         "cid=1&Topic=a+b",
		"token=s":                 "",
		big:                       big,
	} {
		r := form(body)
		new(electa).Strip(r)
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != want || r.ContentLength != int64(len(want)) {
			t.Errorf("a form of %d bytes went on as %d bytes with length %d (%v)", len(body), len(got), r.ContentLength, err)
		}
		if r.URL.RawQuery != "x=1" || strings.Contains(r.RequestURI, "Token") {
			t.Errorf("the query went on as %q, %q", r.URL.RawQuery, r.RequestURI)
		}
	}
}

func TestStripLeavesOtherBodies(t *testing.T) {
	const body = `{"token":"the API's own"}`
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	new(electa).Strip(r)
	if got, _ := io.ReadAll(r.Body); string(got) != body {
		t.Errorf("the body went on as %q", got)
	}
}
