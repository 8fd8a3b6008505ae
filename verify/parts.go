package verify

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"unicode/utf8"
)

const (
	multipartType = "multipart/form-data"
	maxParts      = 256
	maxBoundary   = 70 // RFC 2046, 5.1.1
)

// partsAgree refuses a multipart form that has other values of the query's
// parameters: an API may look there first.
func partsAgree(r *http.Request, limit int64, query map[string]string) error {
	bad := malformed("the multipart form cannot be read")
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	boundary := params["boundary"]
	if err != nil || boundary == "" || len(boundary) > maxBoundary || len(r.Header["Content-Encoding"]) > 0 {
		return bad
	}
	body, err := peek(r, limit)
	if err != nil {
		return err
	}
	inForm := map[string]string{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts + 1 {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // the very value is the end
			return agree(query, inForm)
		}
		if err != nil {
			return bad
		}
		value, err := io.ReadAll(part)
		if err != nil || !utf8.Valid(value) || !utf8.ValidString(part.FormName()) {
			return bad
		}
		for name := range query {
			if part.FileName() == "" && isName(part.FormName(), name) && len(value) > 0 {
				if v := string(value); v != query[name] {
					inForm[name] = v // one that differs is enough
				}
			}
		}
	}
	return bad
}
