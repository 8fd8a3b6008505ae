package gate

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// call sends a request to an API behind the gate. reached is what the API saw,
// nil if nothing.
func (k *kit) call(r *http.Request) (w *httptest.ResponseRecorder, reached *http.Request, body string) {
	r.RemoteAddr = clientAddr
	w = httptest.NewRecorder()
	k.Guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		reached, body = r, string(b)
	})).ServeHTTP(w, r)
	return w, reached, body
}

func TestGuardPassesOnWithoutTheCredential(t *testing.T) {
	k := newKit(t)
	form := httptest.NewRequest(http.MethodPost, "https://both.example/event/create", strings.NewReader("Topic=a+b&cid=123456&token="+k.electa))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	cookie := httptest.NewRequest(http.MethodGet, "https://both.example/x?orgCode=W", nil)
	cookie.Header.Set("Cookie", "lang=de; authToken="+k.calamp)
	cookie.Header.Set("calamp-services-app", app)
	bearer := httptest.NewRequest(http.MethodGet, "https://both.example/x", nil)
	bearer.Header.Set("Authorization", "Bearer "+k.calamp)
	bearer.Header.Set("calamp-services-app", app)
	for name, c := range map[string]struct {
		r    *http.Request
		keep string
	}{
		"query":  {httptest.NewRequest(http.MethodGet, "https://both.example"+k.electaURI()+"&RoomId=7&AppKey=UO86", nil), "cid=123456&RoomId=7"},
		"form":   {form, "Topic=a+b&cid=123456"},
		"cookie": {cookie, "lang=de"},
		"bearer": {bearer, "app-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w, reached, body := k.call(c.r)
			if reached == nil {
				t.Fatalf("refused with %d: %s", w.Code, w.Body)
			}
			var all strings.Builder
			_ = reached.Header.Write(&all)
			seen := reached.RequestURI + "\n" + reached.URL.String() + "\n" + all.String() + "\n" + body
			for _, s := range []string{k.electa, k.calamp, "UO86"} {
				if strings.Contains(seen, s) {
					t.Errorf("a secret reached the API:\n%s", seen)
				}
			}
			if !strings.Contains(seen, c.keep) {
				t.Errorf("%q did not reach the API:\n%s", c.keep, seen)
			}
			if reached.Header.Get(AccountHeader) != accountNumber {
				t.Errorf("the API is told account %q", reached.Header.Get(AccountHeader))
			}
			if reached.ContentLength >= 0 && int(reached.ContentLength) != len(body) {
				t.Errorf("a body of %d bytes is announced as %d", len(body), reached.ContentLength)
			}
		})
	}
}

func TestGuardLetsNobodyClaimAnIdentity(t *testing.T) {
	k := newKit(t)
	for _, name := range spellings {
		r := httptest.NewRequest(http.MethodGet, "https://both.example"+k.electaURI(), nil)
		r.Header[name] = []string{"victim"}
		r.Header["Connection"] = []string{"Sallyport-Account, Sallyport-Session"}
		r.Trailer = http.Header{name: {"victim"}}
		_, reached, _ := k.call(r)
		if reached == nil {
			t.Fatalf("%q: refused", name)
		}
		for n, v := range reached.Header {
			if strings.Contains(strings.Join(v, ","), "victim") || n == "Connection" {
				t.Errorf("%q reached the API as %s: %q", name, n, v)
			}
		}
		if len(reached.Trailer) != 0 {
			t.Errorf("%q reached the API as a trailer", name)
		}
		if got := reached.Header[AccountHeader]; len(got) != 1 || got[0] != accountNumber {
			t.Errorf("%q: the API is told account %q", name, got)
		}
	}
}

func TestGuardDoesNotChangeTheRequestItGot(t *testing.T) {
	k := newKit(t)
	r := httptest.NewRequest(http.MethodGet, "https://both.example"+k.electaURI(), nil)
	r.Header.Set("Sallyport-Account", "1")
	_, reached, _ := k.call(r)
	if reached == nil || r.Header.Get("Sallyport-Account") != "1" || !strings.Contains(r.URL.RawQuery, k.electa) {
		t.Error("the caller's request was changed")
	}
}

// Behind the guard there is no proxy that takes a 2xx for a yes: the refusal is
// the one that the vendor's clients know.
func TestGuardRefusesInTheVendorsOwnStatus(t *testing.T) {
	k := newKit(t)
	w, reached, _ := k.call(httptest.NewRequest(http.MethodGet, "https://both.example/logs/?cid=123456&token=x", nil))
	if reached != nil || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<ResponseCode>1</ResponseCode>") {
		t.Errorf("answered %d: %s", w.Code, w.Body)
	}
	plain := httptest.NewRequest(http.MethodGet, "http://both.example"+k.electaURI(), nil)
	if w, reached, _ := k.call(plain); reached != nil || w.Code != http.StatusForbidden {
		t.Errorf("plain HTTP was answered %d", w.Code)
	}
}
