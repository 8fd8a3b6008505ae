package load

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// maxAnswer bounds head and body of an answer, in bytes.
const maxAnswer = 16 << 10

// ErrAnswer says that an answer was not as it should be.
var ErrAnswer = errors.New("wrong answer")

// answer is one answer, valid until the next is read.
type answer struct {
	status int
	head   []byte // up to the end of the last header line
	body   []byte
	close  bool // no other request can be sent on this connection
}

// conn reads answers into a buffer of its own.
type conn struct {
	net.Conn
	buf []byte // maxAnswer
	end int    // of what was received
}

func newConn(c net.Conn) *conn { return &conn{Conn: c, buf: make([]byte, maxAnswer)} }

var (
	blankLine = []byte("\r\n\r\n")
	lineEnd   = []byte("\r\n")
)

// more receives something.
func (c *conn) more() error {
	if c.end == len(c.buf) {
		return fmt.Errorf("%w: longer than %d bytes", ErrAnswer, maxAnswer)
	}
	n, err := c.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}

// read receives one answer. Nothing of another may follow: only one request is
// under way.
func (c *conn) read() (a answer, err error) {
	c.end = 0
	at := -1
	for at < 0 {
		if err := c.more(); err != nil {
			return a, err
		}
		at = bytes.Index(c.buf[:c.end], blankLine)
	}
	a.head = c.buf[:at+len(lineEnd)]
	length, chunked, err := a.readHead()
	if err != nil {
		return a, err
	}
	body := at + len(blankLine)
	switch {
	case a.status == 204 || a.status == 304:
		length = 0
	case chunked:
		return a, c.readChunks(&a, body)
	case length < 0:
		return a, fmt.Errorf("%w: neither Content-Length nor chunked", ErrAnswer)
	}
	for c.end < body+length {
		if err := c.more(); err != nil {
			return a, err
		}
	}
	if c.end > body+length {
		return a, fmt.Errorf("%w: something follows the body", ErrAnswer)
	}
	a.body = c.buf[body:c.end]
	return a, nil
}

// readHead reads the status and what says where the body ends; length -1: not said.
func (a *answer) readHead() (length int, chunked bool, err error) {
	line, rest, _ := bytes.Cut(a.head, lineEnd)
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, false, fmt.Errorf("%w: it begins with %q", ErrAnswer, line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil || a.status < 200 {
		return 0, false, fmt.Errorf("%w: status %q", ErrAnswer, line[9:12])
	}
	length = -1
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, lineEnd)
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxAnswer {
				return 0, false, fmt.Errorf("%w: Content-Length: %q", ErrAnswer, value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			a.close = bytes.EqualFold(value, []byte("close"))
		}
	}
	return length, chunked, nil
}

// readChunks puts the chunks of a body (RFC 9112, 7.1) behind one another,
// where the first one stands. Trailers are not read: none is expected.
func (c *conn) readChunks(a *answer, at int) error {
	start, to := at, at
	for {
		var line []byte
		for {
			var found bool
			if line, _, found = bytes.Cut(c.buf[at:c.end], lineEnd); found {
				break
			}
			if err := c.more(); err != nil {
				return err
			}
		}
		size, err := strconv.ParseUint(string(line), 16, 32)
		if err != nil || size > maxAnswer {
			return fmt.Errorf("%w: chunk of size %q", ErrAnswer, line)
		}
		at += len(line) + len(lineEnd)
		for c.end < at+int(size)+len(lineEnd) {
			if err := c.more(); err != nil {
				return err
			}
		}
		to += copy(c.buf[to:], c.buf[at:at+int(size)])
		at += int(size) + len(lineEnd)
		if size == 0 {
			break
		}
	}
	if at != c.end {
		return fmt.Errorf("%w: something follows the body", ErrAnswer)
	}
	a.body = c.buf[start:to]
	return nil
}
