package dialect

import (
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"
)

// MultipartType is the media type of the form that [ReadForm] reads besides.
const MultipartType = "multipart/form-data"

// ReadForm is [ReadParams] for dialects whose clients send multipart/form-data
// (RFC 7578) as well. Its parts are UTF-8; one with a file name is a file and no
// parameter.
func ReadForm(r *http.Request, fold bool) (Params, error) {
	p, err := ReadParams(r, fold)
	if err != nil || r.Method != http.MethodPost || p.Media != MultipartType {
		return p, err
	}
	boundary, err := boundaryOf(r)
	if err != nil {
		return p, malformed("content type", err)
	}
	body, err := readBody(r)
	if err != nil {
		return p, malformed("form", err)
	}
	if p.Form, err = parseParts(body, boundary, fold); err != nil {
		return p, malformed("form", err)
	}
	return p, nil
}

// PeekForm is what [ReadForm] would find in the body, without the query, and puts
// the body back: for a later call. It reads at most limit bytes; more is an error.
func PeekForm(r *http.Request, limit int64) (Values, error) {
	media, latin1, err := bodyType(r)
	if err != nil {
		return nil, malformed("content type", err)
	}
	if r.Method != http.MethodPost || media != FormType && media != MultipartType {
		return nil, nil
	}
	boundary := ""
	if media == MultipartType {
		if boundary, err = boundaryOf(r); err != nil {
			return nil, malformed("content type", err)
		}
	}
	body, err := PeekBody(r, limit)
	if err != nil {
		return nil, err
	}
	var v Values
	if media == MultipartType {
		v, err = parseParts(string(body), boundary, false)
	} else {
		v, err = parsePairs(string(body), false, latin1)
	}
	if err != nil {
		return nil, malformed("form", err)
	}
	return v, nil
}

// boundaryOf is the boundary of a multipart body (RFC 2046, 5.1.1).
func boundaryOf(r *http.Request) (string, error) {
	if len(r.Header["Content-Encoding"]) != 0 {
		return "", ErrMedia
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if b := params["boundary"]; err == nil && b != "" && len(b) <= 70 {
		return b, nil
	}
	return "", ErrMedia
}

// parseParts decodes multipart/form-data.
func parseParts(body, boundary string, fold bool) (Values, error) {
	var v Values
	parts := multipart.NewReader(strings.NewReader(body), boundary)
	for n := 0; ; n++ {
		part, err := parts.NextPart()
		switch {
		case err == io.EOF: //nolint:errorlint // the very value is the end; a wrapped one is a body cut short
			return v, nil
		case err != nil:
			return nil, ErrEncoding
		case n == MaxParams:
			return nil, ErrTooMany
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, ErrEncoding
		}
		if part.FileName() != "" {
			continue
		}
		name := part.FormName()
		if !utf8.ValidString(name) || !utf8.Valid(value) {
			return nil, ErrEncoding
		}
		if fold {
			name = lower(name)
		}
		v = append(v, Param{name, string(value)})
	}
}
