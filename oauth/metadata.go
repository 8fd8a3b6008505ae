package oauth

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// described is the server's metadata (RFC 8414, 2).
type described struct {
	Issuer            string   `json:"issuer"`
	Token             string   `json:"token_endpoint"`
	Introspection     string   `json:"introspection_endpoint"`
	Revocation        string   `json:"revocation_endpoint"`
	JWKS              string   `json:"jwks_uri,omitempty"`
	Scopes            []string `json:"scopes_supported,omitempty"`
	Responses         []string `json:"response_types_supported"` // none: there is no authorization endpoint
	Grants            []string `json:"grant_types_supported"`
	TokenAuth         []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
}

// metadata tells clients where everything is. It is the same for everybody, and no
// secret.
func (o *oauth) metadata(w http.ResponseWriter, r *http.Request, _ auth.Origin) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodHead) {
		writeAnswer(w, wrongMethod)
		return
	}
	// RFC 8414, 3.1: the path of the issuer stands behind the well-known name.
	base := o.origin(r) + strings.TrimPrefix(r.URL.Path, metadataPath)
	methods := []string{"client_secret_basic", "client_secret_post"}
	d := described{
		Issuer: o.o.Issuer, Token: base + tokenPath, Introspection: base + introspectPath, Revocation: base + revokePath,
		JWKS: o.o.JWKS, Scopes: o.o.Scopes, Responses: []string{}, Grants: []string{clientCredentials, tokenExchange},
		TokenAuth: methods, IntrospectionAuth: methods, RevocationAuth: methods,
	}
	if d.Issuer == "" {
		d.Issuer = base
	}
	if d.JWKS == "" && o.places.router != nil {
		d.JWKS = o.places.router.KeysOf(d.Issuer)
	}
	body, err := json.Marshal(d)
	if err != nil { // texts always marshal
		refuse(w, err, atEndpoint)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

// origin is scheme and host of the server: the issuer's, if one is configured, else
// those that the client asked for. Who lies about the host is lied to.
func (o *oauth) origin(r *http.Request) string {
	if at := strings.Index(o.o.Issuer, "://"); at > 0 {
		end := strings.IndexByte(o.o.Issuer[at+3:], '/')
		if end < 0 {
			return o.o.Issuer
		}
		return o.o.Issuer[:at+3+end]
	}
	if o.o.PlainAddress && r.TLS == nil {
		return "http://" + r.Host
	}
	return "https://" + r.Host
}

// issuer is the server's name, at a request to one of its endpoints.
func (o *oauth) issuer(r *http.Request, endpoint string) string {
	if o.o.Issuer != "" {
		return o.o.Issuer
	}
	return o.origin(r) + strings.TrimSuffix(r.URL.Path, endpoint)
}

func (o *oauth) audience(issuer string) string {
	if o.o.Audience != "" {
		return o.o.Audience
	}
	return issuer
}
