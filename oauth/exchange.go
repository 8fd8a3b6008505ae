package oauth

import (
	"errors"
	"net/http"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// The types of tokens in an exchange (RFC 8693, 3).
const (
	// accessToken is a live session's, over any dialect.
	accessToken = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name

	// userName is ours: the name of a user of the client's own tenant, whom the
	// client has seen to by itself.
	userName = "urn:sallyport:token-type:user-name"
)

// What is wrong with an exchange: causes of refusals with reason Malformed.
var (
	errSubjectType = errors.New("a type of token that is not known here")
	errActorToken  = errors.New("an actor token")
	errSubject     = errors.New("the subject is nobody for whom the client may act")
)

// exchange is token exchange (RFC 8693): a back end with the role delegate gets a
// session of a user in its reach. It is the actor, and the audit says so.
func (o *oauth) exchange(r *http.Request, form dialect.Values, from auth.Origin) (granted, error) {
	asked, err := readExchange(form)
	if err != nil {
		return granted{}, err
	}
	scope, err := o.scope(r, form)
	if err != nil {
		return granted{}, err
	}
	caller, err := o.caller(r, form, from, auth.Delegate)
	if err != nil {
		return granted{}, err
	}
	user := asked.token
	if asked.kind == accessToken {
		if user, err = o.userOf(r, caller, asked.token); err != nil {
			return granted{}, err
		}
	}
	kept := attrs{scope: scope, actor: actor{caller.Principal, caller.Account.ID, caller.AccountRef, caller.Subject}}
	grant, err := o.service.LoginAs(r.Context(), &auth.LoginAs{
		Mount: o.mount, Caller: caller, User: user, Form: auth.FormNative, Attrs: kept.String(), Origin: from})
	if err != nil && auth.RefusalOf(err).Reason == auth.BadCredentials {
		// The client is who it says; RFC 8693, 2.2.2, for a subject that is not.
		err = auth.Refuse(auth.Malformed, errSubject)
	}
	return granted{Grant: grant, scope: scope, issued: accessToken}, err
}

// subject is whom the client wants a session of.
type subject struct{ token, kind string }

func readExchange(form dialect.Values) (s subject, err error) {
	// None of them is repeated any more.
	get := func(name string) string {
		v, e := form.Get(name)
		err = errors.Join(err, e)
		return v
	}
	s = subject{token: get("subject_token"), kind: get("subject_token_type")}
	requested, actors := get("requested_token_type"), get("actor_token")+get("actor_token_type")
	switch {
	case err != nil:
		return s, err
	case s.kind != userName && s.kind != accessToken, requested != "" && requested != accessToken:
		return s, auth.Refuse(auth.Malformed, errSubjectType)
	case actors != "":
		return s, auth.Refuse(auth.Malformed, errActorToken)
	}
	return s, nil
}

// userOf is the user whose session a token opens. A user of another tenant may have
// the name of one of the client's own.
func (o *oauth) userOf(r *http.Request, caller *auth.Caller, token string) (string, error) {
	s, _, err := o.find(r.Context(), token, func(p *place, b *auth.Bearer) { b.Mount = p.asked })
	switch {
	case err != nil && isTrouble(err):
		return "", err
	case err != nil || s.Identity.User == nil || s.Identity.Tenant.ID != caller.Tenant.ID:
		return "", auth.Refuse(auth.Malformed, errSubject)
	}
	return s.Identity.User.Name, nil
}
