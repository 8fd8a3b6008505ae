package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"

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
	errNoSubject   = errors.New("subject_token is missing")
	errNoType      = errors.New("subject_token_type is missing")
	errWider       = errors.New("a scope that the subject token does not have")
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
		s, err := o.sessionOf(r, caller, asked.token)
		if err != nil {
			return granted{}, err
		}
		user = s.Identity.User.Name
		// Who does not reach the user is refused below, and hears nothing of scopes.
		if s.Dialect == o.mount.Dialect && caller.Reaches(s.Identity) {
			if scope, err = within(scope, asked.scope, parseAttrs(s.Attrs).scope); err != nil {
				return granted{}, err
			}
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
type subject struct {
	token, kind string
	scope       bool // it says which scopes the session is to have
}

func readExchange(form dialect.Values) (s subject, err error) {
	// None of them is repeated any more.
	get := func(name string) string {
		v, e := form.Get(name)
		err = errors.Join(err, e)
		return v
	}
	s = subject{token: get("subject_token"), kind: get("subject_token_type"), scope: get("scope") != ""}
	requested, actors := get("requested_token_type"), get("actor_token")+get("actor_token_type")
	switch {
	case err != nil:
		return s, err
	case s.kind == "":
		return s, auth.Refuse(auth.Malformed, errNoType)
	case s.token == "":
		return s, auth.Refuse(auth.Malformed, errNoSubject)
	case s.kind != userName && s.kind != accessToken, requested != "" && requested != accessToken:
		return s, auth.Refuse(auth.Malformed, errSubjectType)
	case actors != "":
		return s, auth.Refuse(auth.Malformed, errActorToken)
	}
	return s, nil
}

// sessionOf is the user's session that a token opens. A user of another tenant may
// have the name of one of the client's own.
func (o *oauth) sessionOf(r *http.Request, caller *auth.Caller, token string) (auth.Session, error) {
	s, _, err := o.find(r.Context(), token, func(p *place, b *auth.Bearer) { b.Mount = p.asked })
	switch {
	case err != nil && isTrouble(err):
		return s, err
	case err != nil || s.Identity.User == nil || s.Identity.Tenant.ID != caller.Tenant.ID:
		return s, auth.Refuse(auth.Malformed, errSubject)
	}
	return s, nil
}

// within holds the scope of a session to that of the token it is exchanged for: of
// what the client gets without asking, the rest is left out, and what it asks for has
// to be there. Nothing at all of something is refused, as to an API that goes by
// scopes nothing may be everything.
func within(scope string, asked bool, of string) (string, error) {
	has := strings.Fields(of)
	var kept []string
	for s := range strings.FieldsSeq(scope) {
		switch {
		case slices.Contains(has, s):
			kept = append(kept, s)
		case asked:
			return "", auth.Refuse(auth.Malformed, errWider)
		}
	}
	if len(kept) == 0 && len(has) > 0 {
		return "", auth.Refuse(auth.Malformed, errWider)
	}
	return strings.Join(kept, " "), nil
}
