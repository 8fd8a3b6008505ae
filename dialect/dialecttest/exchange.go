package dialecttest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Reply is an answer as it came over the wire, but for the Date header.
type Reply struct {
	Raw    string
	Status int
	Header http.Header
	Body   string
}

// Send sends raw bytes over a connection of its own and returns the answer.
func (s *Server) Send(raw string) Reply {
	s.t.Helper()
	reply, err := exchange(s.secure.Addr(), raw)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, raw)
	}
	return reply
}

// SendPlain does the same over plain HTTP.
func (s *Server) SendPlain(raw string) Reply {
	s.t.Helper()
	reply, err := exchange(s.plain.Addr(), raw)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, raw)
	}
	return reply
}

var dateLine = regexp.MustCompile(`(?m)^Date: [^\r]*\r\n`)

func exchange(to net.Addr, raw string) (Reply, error) {
	// The minute is for a test that hangs to say where.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, to.Network(), to.String())
	if err != nil {
		return Reply{}, fmt.Errorf("connecting: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() }) // at the end, whichever it is
	sent := make(chan error, 1)
	go func() { _, err := io.WriteString(conn, raw); sent <- err }()

	var seen bytes.Buffer
	from := bufio.NewReader(io.TeeReader(conn, &seen))
	method, _, _ := strings.Cut(raw, " ")
	resp, err := http.ReadResponse(from, &http.Request{Method: method})
	if err != nil {
		return Reply{}, fmt.Errorf("reading the reply: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, fmt.Errorf("reading the reply's body: %w", err)
	}
	// Whoever sends too much may be answered before all is sent.
	if err := <-sent; err != nil && resp.StatusCode < http.StatusBadRequest && !resp.Close {
		return Reply{}, fmt.Errorf("sending: %w", err)
	}
	if from.Buffered() > 0 {
		return Reply{}, errors.New("the reply goes on after its end")
	}
	return Reply{
		Raw:    dateLine.ReplaceAllString(seen.String(), ""),
		Status: resp.StatusCode, Header: resp.Header, Body: string(body),
	}, nil
}
