package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
)

// Each operation of the table has a method, which sends what the table says, and there
// is no method besides.
func TestEveryOperationHasAMethod(t *testing.T) {
	table := map[string]*api.Operation{}
	for _, op := range api.Operations() {
		name := ""
		for word := range strings.FieldsFuncSeq(op.Name, func(r rune) bool { return r == ' ' || r == '-' }) {
			name += strings.ToUpper(word[:1]) + word[1:]
		}
		table[name] = op
	}
	var last *http.Request
	c := client.InProcess(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last = r
		status := http.StatusOK
		for _, op := range api.Operations() {
			if op.Status() == http.StatusCreated && op.Method == r.Method && strings.Count(op.Path, "/") == strings.Count(r.URL.Path, "/") {
				status = http.StatusCreated
			}
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "{}")
	}))
	v := reflect.ValueOf(c)
	for i := range v.NumMethod() {
		name := v.Type().Method(i).Name
		op := table[name]
		if op == nil {
			t.Errorf("method %s is of no operation", name)
			continue
		}
		delete(table, name)
		args := []reflect.Value{reflect.ValueOf(t.Context())}
		if v.Method(i).Type().NumIn() > 1 {
			args = append(args, reflect.New(op.Input()).Elem())
		}
		out := v.Method(i).Call(args)
		if err, _ := out[1].Interface().(error); err != nil && !strings.Contains(err.Error(), "as Sallyport's administration does") {
			t.Errorf("%s: %v", name, err)
		}
		want := strings.NewReplacer("{id}", "0", "{key}", "", "{name}", "").Replace(op.Path)
		if last.Method != op.Method || last.URL.Path != want {
			t.Errorf("%s asks %s %s, the table says %s %s", name, last.Method, last.URL.Path, op.Method, op.Path)
		}
	}
	for name := range table {
		t.Errorf("%s has no method", name)
	}
}

// Every field goes where it belongs, spelled so that it comes back the same.
func TestRequests(t *testing.T) {
	var path, query, body string
	c, err := client.New(client.Options{URL: "https://admin.example.com/", Account: "100", Secret: "s:ecret", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
		body = ""
		if r.Body != nil {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			body = string(b)
		}
		if user, pass, ok := r.BasicAuth(); !ok || user != "100" || pass != "s:ecret" {
			t.Errorf("asks as %q %q", user, pass)
		}
		rec := httptest.NewRecorder()
		_, _ = rec.WriteString("{}")
		return rec.Result(), nil
	})}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, err error, p, q, b string) {
		t.Helper()
		if err != nil || path != p || query != q || body != b {
			t.Errorf("%s: %v\n%s ? %s\n%s", what, err, path, query, body)
		}
	}
	_, err = c.AppUpdate(t.Context(), api.AppChange{Key: "a/b c?%", Disabled: new(false), Name: new("")})
	want("a key with signs", err, "/admin/v1/apps/a%2Fb%20c%3F%25", "", `{"disabled":false,"name":""}`)
	_, err = c.AppDelete(t.Context(), api.AppRemoval{Key: "x", NoteGone: api.NoteGone{Why: "a & b"}})
	want("a reason", err, "/admin/v1/apps/x", "why=a+%26+b", "")
	_, err = c.AccountList(t.Context(), api.AccountQuery{Parent: new(int64(0)), Page: api.Page{Limit: 5}})
	want("a parent of none", err, "/admin/v1/accounts", "limit=5&parent=0", "")
	_, err = c.AuditSearch(t.Context(), api.AuditQuery{EventFilter: api.EventFilter{Since: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600))}})
	want("a time", err, "/admin/v1/audit", "since=2026-01-02T03%3A04%3A05.000006%2B01%3A00", "")
	_, err = c.PolicyUpdate(t.Context(), api.PolicyChange{Name: "n", Span: new(api.Span(36 * time.Hour)), Idle: new(api.Span(0))})
	want("spans", err, "/admin/v1/policies/n", "", `{"idle":"0s","span":"1d12h"}`)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestErrors(t *testing.T) {
	answer := func(status int, kind, body string) error {
		c := client.InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		_, err := c.KeyShow(t.Context(), api.ByID{ID: 1})
		return err
	}
	err := answer(422, api.ProblemType, `{"type":"urn:sallyport:problem:invalid","title":"Cannot be so","status":422,"detail":"name is missing","field":"name"}`)
	var e *client.Error
	if !errors.As(err, &e) || e.Code() != api.Invalid || e.Field != "name" || err.Error() != "Cannot be so: name is missing" || !client.HasCode(err, api.Invalid) {
		t.Errorf("a problem: %v", err)
	}
	for what, err := range map[string]error{
		"another server":  answer(200, "text/html", "<html>"),
		"a proxy":         answer(502, "text/html", "<html>"),
		"a moved one":     answer(301, "text/plain", ""),
		"half a problem":  answer(404, api.ProblemType, "{"),
		"another success": answer(201, "application/json", "{}"),
	} {
		if err == nil || errors.As(err, &e) && e.Status != 422 {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A secret is not sent over plain HTTP to another machine, nor after a redirect.
func TestSecretsAreNotSentAstray(t *testing.T) {
	for _, o := range []client.Options{
		{URL: "http://admin.example.com", Account: "1", Secret: "x"},
		{URL: "http://192.0.2.1:8081", Account: "1", Secret: "x"},
		{URL: "https://1:x@admin.example.com", Account: "1", Secret: "x"},
		{URL: "admin.example.com", Account: "1", Secret: "x"},
		{URL: "ftp://127.0.0.1", Account: "1", Secret: "x"},
		{URL: "https://admin.example.com", Account: "1"},
		{URL: "https://admin.example.com"},
	} {
		if _, err := client.New(o); err == nil || strings.Contains(err.Error(), "x@") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	c, err := client.New(client.Options{URL: s.URL, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ServerShow(t.Context()); err == nil || asked != 1 {
		t.Errorf("a redirect was followed: asked %d times, %v", asked, err)
	}
}

func TestAllPages(t *testing.T) {
	pages := map[string]api.List[int]{"": {Items: []int{1, 2}, Next: "a"}, "a": {Next: "b"}, "b": {Items: []int{3}}, "x": {Items: []int{9}, Next: "x"}}
	var got []int
	for n, err := range client.All(func(after string) (api.List[int], error) { return pages[after], nil }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
	var last error
	for _, err := range client.All(func(string) (api.List[int], error) { return pages["x"], nil }) {
		last = err
	}
	if last == nil {
		t.Error("pages in a circle have an end")
	}
}

// In process, who gives up is not kept, and a handler that panics breaks the answer off.
func TestInProcess(t *testing.T) {
	release := make(chan struct{})
	slow := client.InProcess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := slow.ServerShow(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up hears %v", err)
	}
	close(release)
	broken := client.InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(api.Event{ID: "1.0"})
		panic(http.ErrAbortHandler)
	}))
	stream, err := broken.AuditExport(t.Context(), api.AuditRange{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if b, err := io.ReadAll(stream); err == nil || len(b) == 0 {
		t.Errorf("%d bytes, then %v", len(b), err)
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]time.Duration{"30s": 30 * time.Second, "20m": 20 * time.Minute, "12h": 12 * time.Hour, "1d": 24 * time.Hour, "2w": 14 * 24 * time.Hour,
		"1y": 365 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "1h30m": 90 * time.Minute, "1y2w3d4h5m6s": 382*24*time.Hour + 4*time.Hour + 5*time.Minute + 6*time.Second} {
		var s api.Span
		if err := s.UnmarshalText([]byte(text)); err != nil || time.Duration(s) != want {
			t.Errorf("%s is %v, %v", text, time.Duration(s), err)
		}
		var back api.Span
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%s is written %s, which is %v, %v", text, s, back, err)
		}
	}
	for _, text := range []string{"", "x", "1", "-1h", "-0s", "1d-1h", "+1d", "d", "1d1d", "1h1d", "999999999999y", "300y1y", "292y300w", "1e3s"} {
		var s api.Span
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}
