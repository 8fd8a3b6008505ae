package oauth

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
)

// errForeign is a cause of refusals with reason Malformed.
var errForeign = errors.New("the token of another client")

// revoke ends the session of a token (RFC 7009) that was issued to the client
// that asks, over whichever dialect. A token that is not known is not there any
// more, as the client wants it (2.2). The type that it hints at does not matter.
func (o *oauth) revoke(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	form, ok := o.post(w, r)
	if !ok {
		return
	}
	caller, err := o.caller(r, form, from, auth.Client, auth.Delegate)
	if err != nil {
		refuse(w, err, atEndpoint)
		return
	}
	token, err := form.Get("token")
	if err == nil && token == "" {
		err = auth.Refuse(auth.Malformed, errNoToken)
	}
	if err == nil {
		err = o.end(r, caller, token, from)
	}
	if err != nil && auth.RefusalOf(err).Reason != auth.UnknownToken {
		refuse(w, err, atEndpoint)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (o *oauth) end(r *http.Request, caller *auth.Caller, token string, from auth.Origin) error {
	s, b, err := o.find(r.Context(), token, func(p *place, b *auth.Bearer) { b.Mount = p.ended })
	if err != nil {
		return err
	}
	if !o.owns(caller, &s) {
		return auth.Refuse(auth.Malformed, errForeign)
	}
	return o.service.Logout(r.Context(), &b, from)
}

// owns says whether a session was issued to the client: to a key of its account, or
// to its account in exchange for a user.
func (o *oauth) owns(caller *auth.Caller, s *auth.Session) bool {
	if s.Identity.User == nil {
		return s.Identity.Account.ID == caller.Account.ID
	}
	return s.Dialect == o.mount.Dialect && parseAttrs(s.Attrs).actor.account == caller.Account.ID
}
