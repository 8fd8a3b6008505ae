package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	var h, other Histogram
	for i := 1; i <= 100_000; i++ {
		to := &h
		if i%2 == 0 {
			to = &other
		}
		to.Record(time.Duration(i) * time.Microsecond)
	}
	h.Merge(&other)
	for q, want := range map[float64]time.Duration{0: time.Microsecond, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		got := h.Quantile(q)
		if got < want || float64(got) > float64(want)*(1+1.0/subs) {
			t.Errorf("quantile %v: %v, want %v or at most 1/%d more", q, got, want, subs)
		}
	}
	if h.Count() != 100_000 {
		t.Errorf("count %d", h.Count())
	}
}

func TestHistogramEdges(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 127, 128, 129, 1 << 20, 1<<30 + 12345, 1<<40 - 1} {
		i := bucket(v)
		if edge(i) < time.Duration(v) || (i > 0 && edge(i-1) >= time.Duration(v)) {
			t.Errorf("%d is counted in bucket %d, which ends at %d after %d", v, i, edge(i), edge(i-1))
		}
	}
	var h Histogram
	h.Record(-time.Second)
	h.Record(1 << 62)
	if h.Quantile(1) < 1<<39 || h.Quantile(0) != 0 {
		t.Error("what is out of range is not in the outermost buckets")
	}
}

// wire is a connection that has received something.
type wire struct {
	net.Conn
	io.Reader
}

func (w wire) Read(b []byte) (int, error) { return w.Reader.Read(b) }

func TestAnswers(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct{ raw, body, fault string }{
		"length":           {ok + "Content-Length: 5\r\n\r\nhello", "hello", ""},
		"length, any case": {ok + "content-LENGTH:5\r\n\r\nhello", "hello", ""},
		"empty":            {ok + "Content-Length: 0\r\n\r\n", "", ""},
		"204":              {"HTTP/1.1 204 No Content\r\n\r\n", "", ""},
		"chunked":          {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n, and more.\r\n0\r\n\r\n", "hello, and more.", ""},
		"no length":        {ok + "\r\nhello", "", "neither"},
		"negative length":  {ok + "Content-Length: -1\r\n\r\n", "", "Content-Length"},
		"huge":             {ok + "Content-Length: 99999999\r\n\r\n", "", "Content-Length"},
		"huge chunk":       {ok + "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", "", "chunk of size"},
		"no chunk":         {ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "", "chunk of size"},
		"endless head":     {ok + strings.Repeat("X-Y: z\r\n", maxAnswer), "", "longer than"},
		"two answers":      {ok + "Content-Length: 2\r\n\r\nhello", "", "follows"},
		"two chunked":      {ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP", "", "follows"},
		"not HTTP":         {"SSH-2.0-OpenSSH\r\n\r\n", "", "begins with"},
		"informational":    {"HTTP/1.1 103 Early Hints\r\n\r\n", "", "status"},
		"cut off":          {ok + "Content-Length: 9\r\n\r\nhello", "", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{"at once": strings.NewReader(c.raw), "bit by bit": iotest.OneByteReader(strings.NewReader(c.raw))} {
				if how == "bit by bit" && c.fault == "follows" {
					continue // then nobody can know yet
				}
				a, err := newConn(wire{Reader: r}).read()
				switch {
				case c.fault == "" && (err != nil || string(a.body) != c.body):
					t.Errorf("%s: body %q, %v; want %q", how, a.body, err, c.body)
				case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
					t.Errorf("%s: error %v, want one about %q", how, err, c.fault)
				}
			}
		})
	}
}

func get(path string, status int, head string) Request {
	return Request{Bytes: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path), Status: status, Head: []byte(head)}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestRunSendsEachRequestOnce(t *testing.T) {
	var seen [10]atomic.Int32
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen[r.URL.Path[1]-'0'].Add(1)
		w.Header().Set("X-Path", r.URL.Path)
	})
	var list []Request
	for i := range len(seen) {
		list = append(list, get(fmt.Sprintf("/%d", i), 200, fmt.Sprintf("X-Path: /%d\r\n", i)))
	}
	r, err := Run(context.Background(), Load{Addr: addr, Connections: 3, Requests: list, For: time.Minute, Once: true})
	if err != nil || r.Requests != 10 {
		t.Fatalf("%d requests, %v", r.Requests, err)
	}
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("request %d was sent %d times", i, n)
		}
	}
}

func TestRunForATime(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r, err := Run(context.Background(), Load{Addr: addr, Connections: 2, Requests: []Request{get("/", 204, ""), get("/", 204, "")}, For: 50 * time.Millisecond})
	if err != nil || r.Requests < 2 || r.Elapsed < 50*time.Millisecond || r.Latency.Count() != r.Requests {
		t.Errorf("%d requests in %v, %d latencies, %v", r.Requests, r.Elapsed, r.Latency.Count(), err)
	}
}

func TestRunFailsAtTheFirstWrongAnswer(t *testing.T) {
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sallyport-Session", "7")
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
		fmt.Fprint(w, "body")
	})
	good := get("/", 200, "Sallyport-Session: 7\r\n")
	for name, bad := range map[string]Request{
		"status":  get("/", 401, ""),
		"head":    get("/", 200, "Sallyport-Session: 8\r\n"),
		"body":    {Bytes: good.Bytes, Status: 200, Body: []byte("something else")},
		"lacks":   {Bytes: good.Bytes, Status: 200, Lacks: []byte("Sallyport-")},
		"closing": get("/close", 200, ""),
	} {
		_, err := Run(context.Background(), Load{Addr: addr, Connections: 2, Requests: []Request{good, bad}, For: time.Minute})
		if !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := Run(context.Background(), Load{Addr: addr, Connections: 2, Requests: []Request{good}}); err == nil {
		t.Error("fewer requests than connections are accepted")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	addr := serve(t, func(w http.ResponseWriter, r *http.Request) { close(arrived); <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	_, err := Run(ctx, Load{Addr: addr, Connections: 1, Requests: []Request{get("/", 200, "")}, For: time.Hour})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
