package dialect_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// broken is a body that breaks off.
type broken struct{ io.Reader }

func (b broken) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// What is read of a body is put back, whatever came of it.
func TestPeekBody(t *testing.T) {
	for name, c := range map[string]struct {
		body    string
		length  int64 // announced; -1: none
		breaks  bool
		want    error
		notRead bool
	}{
		"empty":                    {length: 0},
		"fits":                     {body: "12345678", length: 8},
		"fits, not announced":      {body: "12345678", length: -1},
		"too large":                {body: "123456789", length: -1, want: dialect.ErrTooLarge},
		"announced as too large":   {body: "123456789", length: 9, want: dialect.ErrTooLarge, notRead: true},
		"breaks off":               {body: "1234", length: -1, breaks: true, want: dialect.ErrBodyBroke},
		"breaks off when too long": {body: "123456789", length: -1, breaks: true, want: dialect.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			var from io.Reader = strings.NewReader(c.body)
			if c.breaks {
				from = broken{from}
			}
			r := httptest.NewRequest(http.MethodPost, "/", from)
			r.ContentLength = c.length
			before := r.Body
			got, err := dialect.PeekBody(r, 8)
			if c.want == nil && (err != nil || string(got) != c.body) {
				t.Errorf("read %q, %v", got, err)
			}
			if c.want != nil && (!errors.Is(err, c.want) || auth.RefusalOf(err).Reason != auth.Malformed || got != nil) {
				t.Errorf("read %q, %v", got, err)
			}
			if c.notRead && r.Body != before {
				t.Error("the body was read in vain")
			}
			if left, _ := io.ReadAll(r.Body); string(left) != c.body {
				t.Errorf("the next reader gets %q", left)
			}
		})
	}
	r := &http.Request{}
	if got, err := dialect.PeekBody(r, 8); got != nil || err != nil {
		t.Errorf("no body: %q, %v", got, err)
	}
}

func TestReplaceBody(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("secret=1&a=2"))
	r.TransferEncoding = []string{"chunked"}
	dialect.ReplaceBody(r, []byte("a=2"))
	got, err := io.ReadAll(r.Body)
	if err != nil || string(got) != "a=2" || r.ContentLength != 3 || r.Header.Get("Content-Length") != "3" || r.TransferEncoding != nil {
		t.Errorf("%q, %v, length %d and %q, %v", got, err, r.ContentLength, r.Header.Get("Content-Length"), r.TransferEncoding)
	}
	if err := r.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestMediaType(t *testing.T) {
	for header, want := range map[string][2]string{
		"":                                {"", ""},
		"text/xml":                        {"text/xml", ""},
		"Text/XML; Charset=UTF-8":         {"text/xml", "utf-8"},
		`application/json;charset="utf8"`: {"application/json", "utf8"},
	} {
		r := &http.Request{Header: http.Header{}}
		if header != "" {
			r.Header.Set("Content-Type", header)
		}
		media, charset, err := dialect.MediaType(r)
		if err != nil || media != want[0] || charset != want[1] {
			t.Errorf("%q is %q in %q, %v", header, media, charset, err)
		}
	}
	for _, wrong := range [][]string{{"text/xml", "text/xml"}, {"text/xml; charset"}, {"/"}, {"text/xml; a=1; a=2"}} {
		r := &http.Request{Header: http.Header{"Content-Type": wrong}}
		if _, _, err := dialect.MediaType(r); auth.RefusalOf(err).Reason != auth.Malformed {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
