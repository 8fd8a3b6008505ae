package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/secret"
)

// HandOff asks for a short-lived single-use token that becomes a session of a
// principal elsewhere, typically in a browser.
type HandOff struct {
	Mount     *Mount
	Principal PrincipalID   // whose session it becomes
	Actor     *Identity     // who asks for it
	Span      time.Duration // how long it may wait to be redeemed
	Attrs     string        // handed on to the session
	Origin    Origin
}

// IssueHandOff makes a hand-off, durably, and returns its token. A principal
// that cannot log in is [BadCredentials]; the error is always a [*Refusal].
func (s *Service) IssueHandOff(ctx context.Context, h *HandOff) (string, error) {
	now := s.clock().UTC().Truncate(time.Microsecond)
	if h.Span <= 0 || len(h.Attrs) > MaxAttrs {
		return "", Refuse(Unavailable, fmt.Errorf("%w: a hand-off needs a span and at most %d bytes of attributes", ErrInvalid, MaxAttrs))
	}
	who, err := s.dir.holder(ctx, h.Principal, h.Mount.Dialect)
	switch {
	case notThere(err):
		return "", refuseCredentials(err)
	case err != nil:
		return "", lookupFailed(err)
	}
	for try := 1; ; try++ {
		id, err := s.ids.take(ctx)
		if err != nil {
			return "", lookupFailed(err)
		}
		token, err := s.issueHandOffAs(ctx, id, h, who, now)
		switch {
		case err == nil:
			return token, nil
		case !errors.Is(err, ErrExists) || try == idTries:
			return "", endingFailed(err)
		}
		s.ids.taken(id)
	}
}

// issueHandOffAs keeps the hand-off under an id. [ErrExists] says that it is taken.
func (s *Service) issueHandOffAs(ctx context.Context, id SessionID, h *HandOff, who *Identity, now time.Time) (string, error) {
	token, digest := s.Keys().Mint(secret.FormNative, uint64(id))
	event := audit.Event{At: now, Kind: audit.HandOff, Session: uint64(id), Dialect: h.Mount.Dialect, Mount: h.Mount.Name,
		Source: h.Origin.Source.String(), Request: h.Origin.Request}
	about(&event, who)
	if h.Actor != nil {
		event.Actor = h.Actor.name()
	}
	_, err := s.store.Apply(ctx, &WriteSet{Events: []audit.Event{event}, HandOffs: []HandOffRow{{
		ID: id, Digest: digest, Principal: h.Principal, Dialect: h.Mount.Dialect, Attrs: h.Attrs,
		Issued: now, Expires: now.Add(h.Span)}}})
	if err != nil {
		return "", fmt.Errorf("keeping a hand-off: %w", err)
	}
	return token, nil
}

// Redeem turns a hand-off into a session, once however many race for it. Made
// up, expired, redeemed before, of another dialect or tenant: all are
// [UnknownToken]. form is how the session's token is rendered.
func (s *Service) Redeem(ctx context.Context, m *Mount, token string, form secret.Form, from Origin) (_ Grant, err error) {
	defer s.counts.login(m, &err)
	now := s.clock()
	row, who, refusal := s.openHandOff(ctx, m, token, now)
	if refusal != nil {
		return Grant{}, refusal
	}
	for try := 1; ; try++ {
		id, err := s.ids.take(ctx)
		if err != nil {
			return Grant{}, lookupFailed(err)
		}
		grant, err := s.redeemAs(ctx, id, m, &row, who, form, from, now)
		switch {
		case err == nil:
			return grant, nil
		case errors.Is(err, ErrConflict):
			return Grant{}, refuseUnknown
		case !errors.Is(err, ErrExists) || try == idTries:
			return Grant{}, endingFailed(err)
		}
		s.ids.taken(id)
	}
}

// redeemAs begins the session of a hand-off under an id. [ErrExists] says that it is
// taken, [ErrConflict] that another has redeemed it.
func (s *Service) redeemAs(ctx context.Context, id SessionID, m *Mount, row *HandOffRow, who *Identity, form secret.Form, from Origin, now time.Time) (Grant, error) {
	wire, digest := s.Keys().Mint(form, uint64(id))
	session := SessionRow{ID: id, Digest: digest, Principal: row.Principal, Dialect: row.Dialect, Source: from.Source,
		Attrs: row.Attrs, Life: m.Policy.Begin(now)}
	event := audit.Event{At: now, Kind: audit.Login, Session: uint64(id), Dialect: m.Dialect, Mount: m.Name,
		Source: from.Source.String(), Request: from.Request, Reason: "hand-off"}
	about(&event, who)
	w := WriteSet{Redeem: row.ID, Begin: []SessionRow{session}, Events: []audit.Event{event}}
	if session.ExpireOnNew {
		w.End = []End{{Principal: row.Principal, Except: id}}
	}
	mark := s.cache.mark(id)
	if _, err := s.store.Apply(ctx, &w); err != nil {
		return Grant{}, fmt.Errorf("redeeming a hand-off: %w", err)
	}
	v := verdict{candidate: candidate{principal: row.Principal}, who: who}
	return Grant{Session: s.begun(&session, &v, mark, now), Token: wire}, nil
}

// openHandOff finds the hand-off that a token stands for.
func (s *Service) openHandOff(ctx context.Context, m *Mount, token string, now time.Time) (HandOffRow, *Identity, *Refusal) {
	keys := s.Keys()
	for i := range keys.Len() {
		t, ok := keys.Parse(secret.FormNative, i, token)
		if !ok || !keys.Authentic(secret.FormNative, i, &t) {
			continue
		}
		row, err := s.store.HandOff(ctx, SessionID(t.ID))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return row, nil, lookupFailed(err)
		}
		if !t.Digest().Equal(row.Digest) || !now.Before(row.Expires) || row.Dialect != m.Dialect {
			continue
		}
		who, err := s.dir.holder(ctx, row.Principal, row.Dialect)
		switch {
		case notThere(err):
			continue
		case err != nil:
			return row, nil, lookupFailed(err)
		case m.Tenant != "" && who.Tenant.Code != m.Tenant:
			continue
		}
		return row, who, nil
	}
	return HandOffRow{}, nil, refuseUnknown
}
