package gate

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	unencrypted "google.golang.org/grpc/credentials/insecure"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/internal/origin"
)

// envoy asks the kit's gate over a real connection, as Envoy would, which is a
// trusted proxy at the address given.
func (k *kit) envoy(t testing.TB, trusted string) authv3.AuthorizationClient {
	t.Helper()
	o := k.o
	o.Origin = origin.New([]netip.Prefix{netip.MustParsePrefix(trusted)}, false)
	s := grpc.NewServer()
	authv3.RegisterAuthorizationServer(s, New(o).ExtAuthz())
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(unencrypted.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return authv3.NewAuthorizationClient(c)
}

// asked is a call over TLS as Envoy describes it, with its headers as they came.
func asked(method, host, path string, header ...string) *authv3.AttributeContext_HttpRequest {
	h := &authv3.AttributeContext_HttpRequest{Method: method, Host: host, Path: path, Scheme: "https", Protocol: "HTTP/1.1", HeaderMap: &corev3.HeaderMap{}}
	add := func(name, value string) {
		h.HeaderMap.Headers = append(h.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	h.Path = strings.ToValidUTF8(path, "!") // as Envoy does
	add(":path", path)
	add("x-forwarded-proto", "https")
	for i := 0; i < len(header); i += 2 {
		add(header[i], header[i+1])
	}
	return h
}

// inMap is the call as an Envoy describes it that was not told to send headers as
// they came.
func inMap(h *authv3.AttributeContext_HttpRequest) *authv3.AttributeContext_HttpRequest {
	h.Headers = map[string]string{}
	for _, v := range h.HeaderMap.GetHeaders() {
		if before, twice := h.Headers[v.GetKey()]; twice {
			h.Headers[v.GetKey()] = before + "," + string(v.GetRawValue())
		} else {
			h.Headers[v.GetKey()] = string(v.GetRawValue())
		}
	}
	h.HeaderMap = nil
	return h
}

func check(t testing.TB, c authv3.AuthorizationClient, h *authv3.AttributeContext_HttpRequest) *authv3.CheckResponse {
	t.Helper()
	a, err := c.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}})
	must(t, err)
	if (a.GetStatus().GetCode() == int32(codes.OK)) != (a.GetOkResponse() != nil) || (a.GetOkResponse() == nil) == (a.GetDeniedResponse() == nil) {
		t.Fatalf("the status and the answer disagree: %v", a)
	}
	return a
}

// upstream is what the API gets of a call, if Envoy does what it is told: it sets,
// then removes, and removes parameters as they are written. Names are in lower case.
func upstream(t testing.TB, h *authv3.AttributeContext_HttpRequest, a *authv3.CheckResponse) (path string, header map[string][]string) {
	t.Helper()
	ok := a.GetOkResponse()
	if ok == nil {
		t.Fatalf("refused: %v", a.GetDeniedResponse())
	}
	header = map[string][]string{":path": {h.GetPath()}}
	for _, v := range h.GetHeaderMap().GetHeaders() {
		if name := strings.ToLower(v.GetKey()); name != ":path" {
			header[name] = append(header[name], string(v.GetRawValue()))
		}
	}
	for name, v := range h.GetHeaders() {
		if name != ":path" {
			header[name] = []string{v}
		}
	}
	for _, o := range ok.GetHeaders() {
		if o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("%s is added, and not set", o.GetHeader().GetKey())
		}
		header[strings.ToLower(o.GetHeader().GetKey())] = []string{o.GetHeader().GetValue()}
	}
	for _, name := range ok.GetHeadersToRemove() {
		delete(header, name)
	}
	path = header[":path"][0]
	for _, name := range ok.GetQueryParametersToRemove() {
		if strings.Contains(path+"=", "?"+name+"=") || strings.Contains(path, "&"+name+"=") {
			t.Errorf("%s is to be removed from %s", name, path)
		}
	}
	delete(header, ":path")
	return path, header
}

func TestExtAuthzAllows(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	for name, q := range map[string]struct {
		path   string
		header []string
		want   string // what the API gets
	}{
		"query":            {"/logs/?a=1&cid=123456&Token=" + k.electa + "&a=2&AppKey=UO86", nil, "/logs/?a=1&cid=123456&a=2"},
		"query, semicolon": {"/logs/?a=1;cid=123456;token=" + k.electa, nil, "/logs/?a=1;cid=123456"},
		"query, path kept": {"/a%2Fb//c?cid=123456&token=" + k.electa, nil, "/a%2Fb//c?cid=123456"},
		"query, not UTF-8": {"/\xffa?b=\xfe&cid=123456&token=" + k.electa, nil, "/%FFa?b=%FE&cid=123456"},
		"cookie":           {"/x", []string{"cookie", "lang=de; authToken=" + k.calamp + "; b=c", "calamp-services-app", app}, "/x lang=de; b=c"},
		"two cookie lines": {"/x", []string{"cookie", "lang=de", "cookie", "authToken=" + k.calamp, "cookie", "b=c", "calamp-services-app", app}, "/x lang=de; b=c"},
		"cookie alone":     {"/x", []string{"cookie", "authToken=" + k.calamp, "calamp-services-app", app}, "/x"},
		"bearer":           {"/x", []string{"authorization", "Bearer " + k.calamp, "calamp-services-app", app}, "/x"},
		"HTTP/2, no body":  {"/x", []string{"authorization", "Bearer " + k.calamp, "calamp-services-app", app}, "/x"},
	} {
		t.Run(name, func(t *testing.T) {
			h := asked(http.MethodGet, "both.example", q.path, append(q.header, "accept", "a/b", "sallyport-account", "victim")...)
			path, header := upstream(t, h, check(t, c, h))
			got := strings.TrimSpace(path + " " + strings.Join(header["cookie"], "|"))
			if got != q.want || header["authorization"] != nil || !slices.Equal(header["accept"], []string{"a/b"}) {
				t.Errorf("the API gets %q and %v", got, header)
			}
			for name, want := range map[string]string{AccountHeader: accountNumber, SessionHeader: ""} {
				if v := header[strings.ToLower(name)]; len(v) != 1 || v[0] == "" || (want != "" && v[0] != want) {
					t.Errorf("%s is %q", name, v)
				}
			}
			if h.GetPath() != q.path {
				return // the map has what Envoy put in its place
			}
			// The map knows no lines, and cookies that stood in two stay joined.
			path, header = upstream(t, h, check(t, c, inMap(h)))
			got = strings.TrimSpace(path + " " + strings.Join(header["cookie"], "|"))
			if strings.ReplaceAll(got, ",", "; ") != q.want || header["authorization"] != nil {
				t.Errorf("from the map, the API gets %q and %v", got, header)
			}
		})
	}
}

// A parameter is named for removal as it was written, for an Envoy that may not
// set :path. A cookie with a comma in it stays what it was.
func TestExtAuthzLeavesTheRestAlone(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	h := asked(http.MethodGet, "both.example", "/logs/?a=1&cid=123456&To%6ben="+k.electa+"&AppKey=UO86&AppKey=UO87")
	if got := check(t, c, h).GetOkResponse().GetQueryParametersToRemove(); !slices.Equal(got, []string{"To%6ben", "AppKey"}) {
		t.Errorf("to be removed are %q", got)
	}
	for _, change := range []func(*authv3.AttributeContext_HttpRequest) *authv3.AttributeContext_HttpRequest{
		inMap, func(h *authv3.AttributeContext_HttpRequest) *authv3.AttributeContext_HttpRequest { return h },
	} {
		h := change(asked(http.MethodGet, "both.example", "/x", "cookie", "a=x,y; authToken="+k.calamp+"; b=c", "calamp-services-app", app))
		a := check(t, c, h)
		if _, header := upstream(t, h, a); !slices.Equal(header["cookie"], []string{"a=x,y; b=c"}) {
			t.Errorf("the API gets the cookies %q", header["cookie"])
		}
		if a.GetOkResponse().GetQueryParametersToRemove() != nil || len(a.GetOkResponse().GetResponseHeadersToAdd()) != 0 {
			t.Errorf("more is changed than has to be: %v", a)
		}
	}
}

// What Envoy tells of a call is what is judged, and a body that it does not show
// is none that is empty.
func TestFromEnvoy(t *testing.T) {
	const post = http.MethodPost
	for name, c := range map[string]struct {
		h    *authv3.AttributeContext_HttpRequest
		text string // as Envoy sends it if it is not told to send bytes
		raw  string
		want string // "": nobody can read it
		none bool
	}{
		"none":                     {h: asked(http.MethodGet, "a", "/"), none: true},
		"none, said":               {h: asked(post, "a", "/", "content-length", "0"), none: true},
		"shown":                    {h: asked(post, "a", "/", "content-length", "3"), raw: "abc", want: "abc"},
		"shown, chunked":           {h: asked(post, "a", "/", "transfer-encoding", "chunked"), raw: "abc", want: "abc"},
		"not shown":                {h: asked(post, "a", "/", "content-length", "3")},
		"not shown, chunked":       {h: asked(post, "a", "/", "transfer-encoding", "chunked")},
		"as text":                  {h: asked(post, "a", "/", "content-length", "3"), text: "abc"},
		"as text and as bytes":     {h: asked(post, "a", "/", "content-length", "3"), text: "abc", raw: "abc"},
		"the beginning":            {h: asked(post, "a", "/", "x-envoy-auth-partial-body", "true"), raw: "abc"},
		"the beginning, by length": {h: asked(post, "a", "/", "content-length", "4"), raw: "abc"},
		"a length that is none":    {h: asked(post, "a", "/", "content-length", "x"), raw: "abc"},
		"two lengths":              {h: asked(post, "a", "/", "content-length", "3", "content-length", "3"), raw: "abc"},
		"HTTP/2, nothing said":     {h: over2(asked(post, "a", "/"))},
		"HTTP/2, shown":            {h: over2(asked(post, "a", "/")), raw: "abc", want: "abc"},
		"HTTP/2, GET":              {h: over2(asked(http.MethodGet, "a", "/")), none: true},
		"HTTP/2, GET with a body":  {h: over2(asked(http.MethodGet, "a", "/", "content-length", "3"))},
	} {
		c.h.Body, c.h.RawBody = c.text, []byte(c.raw)
		call, err := fromEnvoy(t.Context(), c.h)
		must(t, err)
		body, err := io.ReadAll(call.Body)
		if string(body) != c.want || (err == nil) != (c.none || c.want != "") || (c.none && call.Body != http.NoBody) {
			t.Errorf("%s: the body is %q (%v)", name, body, err)
		}
	}
	replaced := asked(http.MethodGet, "a", "/\xff?x=\xff")
	if call, err := fromEnvoy(t.Context(), replaced); err != nil || call.URL.Path != "/\xff" || call.URL.RawQuery != "x=\xff" {
		t.Errorf("what is not UTF-8 is read as %q (%v)", call.URL, err)
	}
	for _, host := range []string{"a/b", "a,b", "a@b", strings.Repeat("a", 301)} {
		if _, err := fromEnvoy(t.Context(), asked(http.MethodGet, host, "/")); err == nil {
			t.Errorf("the host %q is taken", host)
		}
	}
}

func over2(h *authv3.AttributeContext_HttpRequest) *authv3.AttributeContext_HttpRequest {
	h.Protocol = "HTTP/2"
	return h
}

// Of an answer's headers, what is about its body is Envoy's to say, and no cookie
// replaces another.
func TestExtAuthzAnswerHeaders(t *testing.T) {
	list := headers(http.Header{"Content-Length": {"3"}, "Connection": {"close"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Type": {"a/b"}})
	got := map[string][]string{}
	for _, o := range list {
		got[o.GetHeader().GetKey()] = append(got[o.GetHeader().GetKey()], o.GetHeader().GetValue()+" "+o.GetAppendAction().String())
	}
	want := map[string][]string{
		"Set-Cookie":   {"a=1 APPEND_IF_EXISTS_OR_ADD", "b=2 APPEND_IF_EXISTS_OR_ADD"},
		"Content-Type": {"a/b OVERWRITE_IF_EXISTS_OR_ADD"},
	}
	if !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestExtAuthzLetsNobodyClaimAnIdentity(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	for _, name := range spellings {
		name = strings.ToLower(name) // as Envoy has every name
		h := asked(http.MethodGet, "both.example", k.electaURI(), name, "victim", name, "victim")
		for _, h := range []*authv3.AttributeContext_HttpRequest{h, inMap(asked(http.MethodGet, "both.example", k.electaURI(), name, "victim"))} {
			_, header := upstream(t, h, check(t, c, h))
			for n, v := range header {
				if strings.Contains(strings.Join(v, ","), "victim") {
					t.Errorf("%q reaches the API as %s: %q", name, n, v)
				}
			}
			if got := header["sallyport-account"]; len(got) != 1 || got[0] != accountNumber {
				t.Errorf("%q: the API is told account %q", name, got)
			}
		}
	}
}

func TestExtAuthzRefuses(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	const get, post = http.MethodGet, http.MethodPost
	form := []string{"content-type", "application/x-www-form-urlencoded"}
	body := "cid=123456&token=" + k.electa
	with := func(h *authv3.AttributeContext_HttpRequest, change func(*authv3.AttributeContext_HttpRequest)) *authv3.AttributeContext_HttpRequest {
		change(h)
		return h
	}
	type http1 = *authv3.AttributeContext_HttpRequest
	for name, h := range map[string]http1{
		"no token":           asked(get, "electa.example", "/api/logs/"),
		"unknown token":      asked(get, "electa.example", "/api/logs/?cid=123456&token=9C467079-FE3B-45C5-8AA5-9726397081AA"),
		"another account":    asked(get, "electa.example", "/api/logs/?cid=11267192&token="+k.electa),
		"two tokens":         asked(get, "both.example", k.electaURI(), "cookie", "authToken="+k.calamp, "calamp-services-app", app),
		"two cookies":        asked(get, "both.example", "/x", "cookie", "authToken="+k.calamp, "cookie", "a=b; authToken=other", "calamp-services-app", app),
		"joined cookies":     inMap(asked(get, "both.example", "/x", "cookie", "authToken="+k.calamp+"; a=b", "cookie", "authToken=other", "calamp-services-app", app)),
		"joined bearers":     inMap(asked(get, "both.example", "/x", "cookie", "authToken="+k.calamp, "authorization", "Basic eA==", "authorization", "Bearer other", "calamp-services-app", app)),
		"no application key": asked(get, "calamp.example", "/api/x", "cookie", "authToken="+k.calamp),
		"uncovered":          asked(get, "nobody.example", k.electaURI()),
		"climbing path":      asked(get, "both.example", "/a/../logs/?cid=123456&token="+k.electa),
		"no path":            asked(get, "both.example", ""),
		"no method":          asked("", "both.example", k.electaURI()),
		"host is a path":     asked(get, "both.example/x", k.electaURI()),
		"fragment":           asked(get, "both.example", k.electaURI()+"#x"),
		"nothing":            nil,
		"plain HTTP":         with(asked(get, "both.example", k.electaURI()), func(h http1) { h.HeaderMap.Headers[1].RawValue = []byte("http") }),
		"nobody says https":  with(asked(get, "both.example", k.electaURI()), func(h http1) { h.HeaderMap.Headers = h.HeaderMap.Headers[:1] }),
		"https said twice":   asked(get, "both.example", k.electaURI(), "x-forwarded-proto", "https"),
		"joined https":       inMap(asked(get, "both.example", k.electaURI(), "x-forwarded-proto", "http")),
		"scheme contradicts": with(asked(get, "both.example", k.electaURI()), func(h http1) { h.Scheme = "http" }),

		"form not shown":   asked(post, "both.example", "/logs/", append(form, "content-length", "66")...),
		"form, text":       with(asked(post, "both.example", "/logs/", form...), func(h http1) { h.Body = body }),
		"form, cut":        with(asked(post, "both.example", "/logs/", append(form, "x-envoy-auth-partial-body", "true")...), func(h http1) { h.RawBody = []byte(body) }),
		"form, too short":  with(asked(post, "both.example", "/logs/", append(form, "content-length", "9999")...), func(h http1) { h.RawBody = []byte(body) }),
		"form, two sizes":  with(asked(post, "both.example", "/logs/", append(form, "content-length", "66", "content-length", "66")...), func(h http1) { h.RawBody = []byte(body) }),
		"form over HTTP/2": with(asked(post, "both.example", "/logs/", form...), func(h http1) { h.Protocol = "HTTP/2" }),
	} {
		t.Run(name, func(t *testing.T) {
			if a := check(t, c, h); a.GetOkResponse() != nil {
				t.Errorf("it passes: %v", a)
			}
		})
	}
	t.Run("asked by a stranger", func(t *testing.T) {
		a := check(t, k.envoy(t, "10.0.0.0/8"), asked(get, "both.example", k.electaURI()))
		if a.GetOkResponse() != nil || !strings.Contains(a.GetDeniedResponse().GetBody(), "trusted_proxies") {
			t.Errorf("answered %v", a)
		}
	})
	t.Run("stored nowhere", func(t *testing.T) {
		must(t, k.store.Close())
		k.late.Add(int64(1e12)) // nothing that is remembered counts any more
		a := check(t, c, asked(get, "both.example", k.electaURI()))
		if a.GetOkResponse() != nil {
			t.Errorf("answered %v", a)
		}
	})
}

// A body is looked into if Envoy shows all of it.
func TestExtAuthzReadsBodies(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	body := "cid=123456&token=" + k.electa
	for name, header := range map[string][]string{
		"sized": {"content-length", "58"}, "chunked": {"transfer-encoding", "chunked", "x-envoy-auth-partial-body", "false"},
	} {
		h := asked(http.MethodPost, "both.example", "/logs/", append(header, "content-type", "application/x-www-form-urlencoded")...)
		h.RawBody = []byte(body)
		if name == "sized" && len(body) != 58 {
			h.HeaderMap.Headers[2].RawValue = []byte(strconv.Itoa(len(body)))
		}
		_, header := upstream(t, h, check(t, c, h))
		if header["sallyport-account"][0] != accountNumber || header["content-length"] != nil && header["content-length"][0] != strconv.Itoa(len(body)) {
			t.Errorf("%s: the API gets %v", name, header)
		}
	}
	// Dialects that do not look there are not disturbed by a body of any kind.
	h := asked(http.MethodPut, "both.example", "/x", "content-length", "1000000", "cookie", "authToken="+k.calamp, "calamp-services-app", app)
	upstream(t, h, check(t, c, h))
}

func TestExtAuthzRefusesInTheVendorsWords(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	d := check(t, c, asked(http.MethodGet, "electa.example", "/api/logs/?cid=123456&token=x")).GetDeniedResponse()
	if d.GetStatus().GetCode() != http.StatusOK || !strings.Contains(d.GetBody(), "<ResponseCode>1</ResponseCode>") {
		t.Errorf("Electa's client gets %v", d)
	}
	d = check(t, c, asked(http.MethodGet, "calamp.example", "/api/x", "calamp-services-app", app)).GetDeniedResponse()
	if d.GetStatus().GetCode() != http.StatusUnauthorized {
		t.Errorf("CalAmp's client gets %v", d)
	}
	for _, o := range d.GetHeaders() {
		if o.GetHeader().GetKey() == "Cache-Control" && o.GetHeader().GetValue() == "no-store" {
			return
		}
	}
	t.Errorf("the refusal may be kept: %v", d)
}

// A panic in the gate, which here has no router, is a refusal.
func TestExtAuthzSurvivesAPanic(t *testing.T) {
	k := newKit(t)
	o := k.o
	o.Router, o.Origin = nil, origin.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, false)
	k.Gate = New(o)
	c := k.envoy(t, "127.0.0.1/32")
	for range 2 {
		if a := check(t, c, asked(http.MethodGet, "both.example", "/x")); a.GetDeniedResponse().GetStatus().GetCode() != http.StatusInternalServerError {
			t.Errorf("answered %v", a)
		}
	}
}

// An API that is promised a signed statement gets the gate's, whatever the client
// sends under its name; and each answer is counted once.
func TestExtAuthzAssertsAndCounts(t *testing.T) {
	k := newKit(t)
	k.o.Assertions = Assertions{Issuer: "https://login.example", Audience: "https://api.example"}
	c := k.envoy(t, "127.0.0.1/32")
	h := asked(http.MethodGet, "both.example", k.electaURI(), "sallyport-assertion", "victim", "sallyport-assertion", "victim")
	_, header := upstream(t, h, check(t, c, h))
	if got := header["sallyport-assertion"]; len(got) != 1 || strings.Count(got[0], ".") != 2 {
		t.Errorf("the API gets the statement %q", got)
	}
	check(t, c, asked(http.MethodGet, "electa.example", "/api/logs/"))
	check(t, c, asked(http.MethodGet, "nobody.example", "/"))
	for _, reason := range []auth.Reason{"", auth.NoToken, "none"} {
		if n := k.service.Stats().Verdicts[auth.ExtAuthz][reason]; n != 1 {
			t.Errorf("%q is counted %d times", reason, n)
		}
	}
}

// Calls at once do not see each other's identities, and an ended session ends
// for all of them.
func TestExtAuthzAtOnce(t *testing.T) {
	k := newKit(t)
	c := k.envoy(t, "127.0.0.1/32")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for range 50 {
				h, want := asked(http.MethodGet, "both.example", k.electaURI()), "electa"
				if i%2 == 0 {
					h, want = asked(http.MethodGet, "both.example", "/x", "cookie", "authToken="+k.calamp, "calamp-services-app", app), "calamp"
				}
				a, err := c.Check(context.Background(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}})
				if err != nil || a.GetOkResponse() == nil {
					t.Errorf("refused: %v, %v", a, err)
					return
				}
				if !slices.ContainsFunc(a.GetOkResponse().GetHeaders(), func(o *corev3.HeaderValueOption) bool {
					return o.GetHeader().GetKey() == DialectHeader && o.GetHeader().GetValue() == want
				}) {
					t.Errorf("not %s: %v", want, a)
				}
			}
		})
	}
	wg.Wait()
	b := auth.Bearer{Mount: k.o.Router.Covering("both.example", "/")[0].Mount, Form: auth.FormGUID, Value: k.electa, Number: 123456}
	if b.Mount.Dialect != "electa" {
		b.Mount = k.o.Router.Covering("both.example", "/")[1].Mount
	}
	must(t, k.service.Logout(t.Context(), &b, auth.Origin{}))
	if a := check(t, c, asked(http.MethodGet, "both.example", k.electaURI())); a.GetOkResponse() != nil {
		t.Errorf("an ended session passes: %v", a)
	}
}
