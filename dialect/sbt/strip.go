package sbt

import (
	"bytes"
	"net/http"

	"github.com/sallyport/sallyport/dialect"
)

// Strip takes the token out of a call that goes on to the API, and an API key
// that a client sent along. Parameters of a query or form go; a JSON member
// becomes null and an XML element empty, as the operation has to find its
// parameters where they were. The organization's code stays: it is the API's
// business. A body that cannot be looked into is left as it is.
func (s *sbt) Strip(r *http.Request) {
	at, err := scanPairs(r.URL.RawQuery)
	ours := err == nil && at.hasToken
	r.URL.RawQuery = withoutSecrets(r.URL.RawQuery)
	r.RequestURI = r.URL.RequestURI()
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	body, k, _, err := s.readBody(r, ours)
	if err != nil {
		return
	}
	if rest := blanked(blanked(body, besides(body, k)), k); !bytes.Equal(rest, body) {
		dialect.ReplaceBody(r, rest)
	}
}

// blanked is a body of a kind without its secrets.
func blanked(body []byte, k kind) []byte {
	switch k {
	case formKind:
		return []byte(withoutSecrets(string(body)))
	case jsonKind:
		if f, err := scanJSON(body); err == nil {
			return blank(body, f.secrets, "null")
		}
	case xmlKind:
		if f, err := scanXML(body); err == nil {
			return blank(body, f.secrets, "")
		}
	case other:
	}
	return body
}

// withoutSecrets is a query or form without the parameters securityToken and
// APIKey.
func withoutSecrets(raw string) string {
	return dialect.WithoutPairs(raw, "securitytoken", "apikey")
}

// blank puts something else where the secrets stand.
func blank(body []byte, secrets []span, instead string) []byte {
	if len(secrets) == 0 {
		return body
	}
	rest := make([]byte, 0, len(body))
	at := 0
	for _, s := range secrets {
		rest = append(append(rest, body[at:s.from]...), instead...)
		at = s.to
	}
	return append(rest, body[at:]...)
}
