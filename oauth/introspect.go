package oauth

import (
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// introspect answers a verifier who asks whose a token is (RFC 7662). The question
// is a check like any other: it takes a use of a session that counts them, and moves
// the end of one that may not be idle. For every token that is dead, made up, or of
// somebody out of the verifier's reach there is one answer.
func (o *oauth) introspect(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	form, ok := o.post(w, r)
	if !ok {
		return
	}
	caller, err := o.caller(r, form, from, auth.Verifier)
	if err != nil {
		refuse(w, err, atEndpoint)
		return
	}
	token, err := form.Get("token")
	if err == nil && token == "" {
		err = auth.Refuse(auth.Malformed, errNoToken)
	}
	if err != nil {
		refuse(w, err, atEndpoint)
		return
	}
	with := readBeside(form)
	followed, _ := o.service.Progress() // before the session is looked up
	s, b, err := o.find(r.Context(), token, with.complete)
	good := err == nil && caller.Reaches(s.Identity) && !with.odd && !(with.kind != "" && s.Dialect == o.mount.Dialect)
	o.service.Verdict(auth.Introspection, s.ID, verdict(good, err))
	switch {
	case good:
		span := remember(&s, &b, o.service.Now())
		writeJSON(w, http.StatusOK, o.appendSession(make([]byte, 0, 640), r, &s, span, followed.Seq))
	case err != nil && isTrouble(err):
		refuse(w, err, atEndpoint)
	default:
		writeJSON(w, http.StatusOK, inactive)
	}
}

// verdict is what is counted of an answer.
func verdict(good bool, err error) auth.Reason {
	switch {
	case good:
		return ""
	case err != nil:
		return auth.RefusalOf(err).Reason
	}
	return auth.UnknownToken
}

// inactive is all that is said of a token that is not good here (RFC 7662, 2.2).
var inactive = []byte(`{"active":false}`)

// isTrouble says whether an error is the server's own: nothing is known of the
// token then.
func isTrouble(err error) bool {
	reason := auth.RefusalOf(err).Reason
	return reason == auth.Unavailable || reason == auth.Busy
}

// beside is what the call said beside its token, as the verifier hands it on. What it
// names has to fit the session, or the token is not good for the call.
type beside struct {
	number  int64
	code    string
	app     string
	withApp bool   // also if it is empty: the call carried none
	user    string // whom the call is made for, where the dialect lets its clients act for others
	kind    string // of which kind the session has to be, where the dialect has several; "": any
	odd     bool   // cannot fit any session
}

// readBeside reads parameters of ours. None of them is repeated any more.
func readBeside(form dialect.Values) (c beside) {
	for i := range form {
		switch p := &form[i]; p.Name {
		case "number":
			c.number = number(p.Value)
			c.odd = p.Value != "" && c.number == 0
		case "code":
			c.code = p.Value
		case "app":
			c.app, c.withApp = p.Value, true
		case "user":
			c.user = p.Value
		case "kind":
			c.kind = p.Value
		}
	}
	c.odd = c.odd || (c.user != "" && c.kind == "")
	return c
}

// complete makes a credential what the call's own was.
func (c *beside) complete(p *place, b *auth.Bearer) {
	b.Number, b.Code, b.App = c.number, c.code, c.app
	if c.kind != "" {
		b.As, b.Attrs = c.user, c.kind
	}
	if b.Mount = p.asked; c.withApp {
		b.Mount = p.call
	}
}

// appendSession describes a live session (RFC 7662, 2.2). What is not in the RFC
// has names of its own (docs/dialects/oauth2.md lists all of them).
func (o *oauth) appendSession(b []byte, r *http.Request, s *auth.Session, span time.Duration, position uint64) []byte {
	who := s.Identity
	a := attrs{scope: o.allScope} // another dialect's session is good for all there is
	if s.Dialect == o.mount.Dialect {
		a = parseAttrs(s.Attrs)
	}
	issuer := o.issuer(r, introspectPath)
	b = append(b, `{"active":true`...)
	if a.scope != "" {
		b = appendMember(append(b, ','), "scope", a.scope)
	}
	b = appendMember(append(b, ','), "client_id", clientOf(s, &a))
	b = appendMember(append(b, ','), "username", who.Subject)
	b = appendMember(append(b, ','), "token_type", "Bearer")
	if end := s.Life.Ends; !end.IsZero() {
		b = appendNumber(append(b, ','), "exp", end.Unix())
	}
	b = appendNumber(append(b, ','), "iat", s.Life.Issued.Unix())
	b = appendName(append(b, ','), "sub")
	b = append(strconv.AppendInt(append(b, '"'), int64(who.Principal), 10), '"')
	b = appendMember(append(b, ','), "aud", o.audience(issuer))
	b = appendMember(append(b, ','), "iss", issuer)
	switch {
	case s.Actor != nil:
		b = appendActingFor(append(b, ','), s.Actor)
	case a.actor != (actor{}):
		b = appendActor(append(b, ','), &a.actor)
	}
	b = appendOwn(append(b, ','), s)
	return append(appendRemember(append(b, ','), span, position), '}')
}

// clientOf is the client that the token was issued to: the back end that exchanged,
// the application that a user logged in with, else the account itself.
func clientOf(s *auth.Session, a *attrs) string {
	switch {
	case a.actor.client != "":
		return a.actor.client
	case s.App != "":
		return s.App
	}
	return s.Identity.AccountRef
}

// appendActor adds the member act (RFC 8693, 4.1) of a session that was exchanged.
// It lives on by itself: of the actor's path its own account is told.
func appendActor(b []byte, a *actor) []byte {
	b = appendName(b, "act")
	b = appendName(append(b, '{'), "sub")
	b = append(strconv.AppendInt(append(b, '"'), int64(a.principal), 10), '"')
	b = appendMember(append(b, ','), "client_id", a.client)
	b = appendMember(append(b, ','), "username", a.name)
	b = appendNumber(append(b, ','), "sallyport_principal", a.principal)
	b = append(appendName(append(b, ','), "sallyport_path"), '[')
	return append(strconv.AppendInt(b, int64(a.account), 10), ']', '}')
}

// appendOwn adds the members that are Sallyport's: the account by name, and what a
// cache of verdicts has to know to follow the feed.
func appendOwn(b []byte, s *auth.Session) []byte {
	who := s.Identity
	b = appendMember(b, "account", who.AccountRef)
	b = appendName(append(b, ','), "account_path")
	b = append(b, '[')
	for i, ref := range who.PathRefs {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, ref)
	}
	b = append(b, ']', ',')
	b = appendNumber(b, "sallyport_session", s.ID)
	b = appendNumber(append(b, ','), "sallyport_principal", who.Principal)
	b = appendPath(append(b, ','), who)
	return appendMember(append(b, ','), "sallyport_dialect", s.Dialect)
}
