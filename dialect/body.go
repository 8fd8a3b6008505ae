package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/sallyport/sallyport/auth"
)

// ErrUnsearched is [ErrTooLarge] of a call that has no token of the dialect elsewhere:
// whether it has one in the body nobody can tell. It does not speak against a call
// that carries the token of another dialect.
var ErrUnsearched = fmt.Errorf("%w to be searched for a token", ErrTooLarge)

// Unsearched is the refusal of a body that [PeekBody] gives, for a dialect that has
// found no token elsewhere.
func Unsearched(err error) error {
	if errors.Is(err, ErrTooLarge) {
		return auth.Refuse(auth.Malformed, ErrUnsearched)
	}
	return err
}

// PeekBody reads the body of a call, up to limit bytes, and puts it back for
// whoever comes next. A client that waited until it may send the body is told so by
// the reading, and Expect (RFC 9110, 10.1.1) is removed, or it would be told twice. A longer one is put back as well, and is a refusal with
// reason Malformed and cause [ErrTooLarge]; one that breaks off has [ErrBodyBroke].
func PeekBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if r.ContentLength > limit {
		return nil, auth.Refuse(auth.Malformed, ErrTooLarge)
	}
	body := r.Body
	r.Header.Del("Expect")
	counted := peeked{from: io.LimitReader(body, limit+1)}
	defer counted.forget()
	read, err := io.ReadAll(&counted)
	r.Body = again{io.MultiReader(bytes.NewReader(read), body), body}
	switch {
	case errors.Is(err, ErrPeeked):
		return nil, auth.Refuse(auth.Busy, err)
	case err != nil:
		return nil, auth.Refuse(auth.Malformed, bodyError(err))
	case int64(len(read)) > limit:
		return nil, auth.Refuse(auth.Malformed, ErrTooLarge)
	}
	return read, nil
}

// ErrPeeked says that too much is being read of too many calls, by [PeekBody].
var ErrPeeked = errors.New("the bodies of calls that wait to be searched for a token take too much memory")

// maxPeeked bounds what is kept of bodies that are still being read by PeekBody,
// in bytes, of all calls together: whose they are nobody knows yet.
const maxPeeked = 64 << 20

var peeking atomic.Int64

// peeked is a body that counts towards maxPeeked while it is read.
type peeked struct {
	from io.Reader
	n    int64
}

// Read implements io.Reader.
func (p *peeked) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.n += int64(n)
	if peeking.Add(int64(n)) > maxPeeked {
		return n, ErrPeeked
	}
	return n, err
}

func (p *peeked) forget() { peeking.Add(-p.n) }

// ReplaceBody gives a call another body, of the same media type.
func ReplaceBody(r *http.Request, body []byte) {
	r.Body = again{bytes.NewReader(body), r.Body}
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

// again is a body that was read and can be read again.
type again struct {
	io.Reader
	io.Closer
}

// MediaType is the media type of a request's body and its charset, both in lower
// case; "" where none is given. A header that comes twice, or that cannot be
// read, is a refusal with reason Malformed.
func MediaType(r *http.Request) (media, charset string, err error) {
	lines := r.Header["Content-Type"]
	if len(lines) == 0 {
		return "", "", nil
	}
	if len(lines) > 1 {
		return "", "", auth.Refuse(auth.Malformed, ErrRepeated)
	}
	media, params, err := mime.ParseMediaType(lines[0])
	if err != nil {
		return "", "", auth.Refuse(auth.Malformed, ErrMedia)
	}
	return media, lower(params["charset"]), nil
}

// bodyError says why a body could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return ErrTooLarge
	}
	return ErrBodyBroke
}
