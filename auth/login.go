package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/audit"
)

// Login judges an attempt and begins a session. The phases stand in the order
// in which they must happen:
//
//	rate      how many attempts of the address the mount has seen
//	reserve   a place among the guesses that the lock still allows
//	judge     the secret, at the same price for names that do not exist
//	settle    the guess with the guard
//	permit    fair use, the cap of live sessions
//	issue     the session, its token, its audit event, durably
//
// When it returns, what it says is durable: a grant survives kill -9, and so
// does a failure that was counted. The error is always a [*Refusal].
func (s *Service) Login(ctx context.Context, a *Attempt) (_ Grant, err error) {
	defer s.counts.login(a.Mount, &err)
	now := s.clock()
	rate, refusal := s.rates.take(a, now)
	if refusal != nil {
		return Grant{}, s.refuse(ctx, a, now, refusal)
	}
	place, refusal := s.guard.reserve(ctx, now, a)
	if refusal != nil {
		return Grant{}, s.refuse(ctx, a, now, refusal)
	}
	place.rate = rate
	v, refusal := s.judge(ctx, a, now)
	if refusal == nil {
		refusal = s.mayLogIn(a, &v, now)
	}
	// A client that hangs up now changes nothing: what was judged is settled.
	client := ctx
	ctx = context.WithoutCancel(ctx)
	switch {
	case refusal == nil:
	case refusal.Reason == BadCredentials:
		return Grant{}, s.countFailure(ctx, a, &v, &place, now, refusal)
	case refusal.Reason == Inactive:
		settled := s.guard.passed(now, &place)
		return Grant{}, s.refuseJudged(ctx, a, &settled, now, refusal)
	default: // not judged
		s.guard.release(&place)
		return Grant{}, s.refuse(ctx, a, now, refusal)
	}
	settled := s.guard.passed(now, &place)
	if v.shared {
		settled.keepFailures()
	}
	if settled.use, err = s.countLogin(ctx, v.who, a.Mount, now); err != nil {
		return Grant{}, s.throttle(ctx, a, &v, &settled, now, Refuse(Unavailable, fmt.Errorf("counting for fair use: %w", err)))
	}
	if settled.use.over && a.Mount.FairUse.Answer == AnswerRefuse {
		return Grant{}, s.throttle(ctx, a, &v, &settled, now, &Refusal{Reason: Throttled, RetryAfter: settled.use.until})
	}
	grant, err := s.begin(ctx, a, &v, &settled, now)
	if err == nil && settled.use.over {
		s.advise(client, a, settled.use)
	}
	return grant, err
}

// begin issues a session if there is room for it.
func (s *Service) begin(ctx context.Context, a *Attempt, v *verdict, settled *settled, now time.Time) (Grant, error) {
	room, free, refusal := s.room(ctx, a.Mount, v, now)
	if refusal != nil {
		return Grant{}, s.throttle(ctx, a, v, settled, now, refusal)
	}
	defer free()
	settled.room = room
	return s.issue(ctx, a, v, settled, now)
}

// mayLogIn holds a right secret to what else a login asks for. What is missing
// looks like a wrong secret, and counts like one.
func (s *Service) mayLogIn(a *Attempt, v *verdict, now time.Time) *Refusal {
	if !v.who.Role.mayLogIn(a.Mount.Dialect) {
		return &Refusal{Reason: BadCredentials, Cause: errRole, subject: v.who.Subject}
	}
	if v.user == nil {
		return nil
	}
	var err error
	if v.step, err = s.passesFactor(v.user, v.who.live.state, a.Factor, now); err != nil {
		return &Refusal{Reason: BadCredentials, Cause: err, subject: v.who.Subject}
	}
	return nil
}

// issue begins the session. Everything that the login changes is one write set.
func (s *Service) issue(ctx context.Context, a *Attempt, v *verdict, settled *settled, now time.Time) (Grant, error) {
	fail := func(err error) (Grant, error) {
		settled.use.untold(now)
		r := unwritten("keeping a session", err)
		s.lament(&s.troubles.grants, slog.LevelError, "a login could not be kept", slog.String("dialect", a.Mount.Dialect), slog.String("request", a.Origin.Request), slog.Any("error", r.Cause))
		return Grant{}, r
	}
	if len(a.Attrs) > MaxAttrs {
		return fail(fmt.Errorf("%w: %d bytes of attributes", ErrInvalid, len(a.Attrs)))
	}
	written := false
	defer func() { settled.done(written) }()
	for try := 1; ; try++ {
		id, err := s.ids.take(ctx)
		if err != nil {
			return fail(err)
		}
		grant, refusal, err := s.issueAs(ctx, id, a, v, settled, now)
		switch {
		case refusal != nil && refusal.Reason == BadCredentials:
			return Grant{}, s.wrongAfterAll(ctx, a, v, settled, now, refusal)
		case refusal != nil:
			return Grant{}, s.refuseRight(ctx, a, v, &settled.use, now, refusal)
		case err == nil:
			written = true
			return grant, nil
		case !errors.Is(err, ErrExists) || try == idTries:
			return fail(err)
		}
		s.ids.taken(id)
	}
}

// issueAs begins the session under an id, or says what the attempt is refused for.
// [ErrExists] says that the id is taken.
func (s *Service) issueAs(ctx context.Context, id SessionID, a *Attempt, v *verdict, settled *settled, now time.Time) (Grant, *Refusal, error) {
	token, digest := s.Keys().Mint(a.Form, uint64(id))
	w := loginSet{}
	w.row[0] = SessionRow{ID: id, Digest: digest, Principal: v.principal, Dialect: a.Mount.Dialect,
		App: a.App, Source: a.Origin.Source, Attrs: a.Attrs, Life: v.life(a.Mount, now)}
	row := &w.row[0]
	if a.Mount.MaxSessions > 0 {
		row.Capped = v.who.Tenant.ID
	}
	w.set.Begin = w.row[:]
	if row.ExpireOnNew {
		w.set.End = []End{{Principal: v.principal, Except: id}}
	}
	if v.user != nil && a.actor == "" {
		w.set.SignIns = []SignIn{{User: v.principal, At: row.Issued, Step: v.step}}
		s.betterHash(ctx, a, v, &w.set)
	}
	w.events[0] = s.event(a, audit.Login, now)
	about(&w.events[0], v.who)
	w.events[0].Session = uint64(id)
	w.set.Events = w.events[:1]
	mark := s.cache.mark(id)
	if refusal, err := s.agree(ctx, settled, &w.set); refusal != nil || err != nil {
		return Grant{}, refusal, err
	}
	grant := Grant{Session: s.begun(row, v, mark, now), Token: token}
	if v.user != nil {
		grant.LastSignIn = v.who.live.state.signIn(v.user.LastSignIn, row.Issued)
	}
	return grant, nil, nil
}

// loginSet is the write set of one login with room for what nearly every login
// writes, so that it is one allocation.
type loginSet struct {
	set    WriteSet
	row    [1]SessionRow
	events [2]audit.Event
}

// life is what the policy gives the session. A key that expires takes its
// sessions along.
func (v *verdict) life(m *Mount, now time.Time) Life {
	p := &m.Policy
	if v.policy != nil {
		p = v.policy
	}
	l := p.Begin(now)
	if v.key != nil && !v.key.Expires.IsZero() && (l.Cap.IsZero() || v.key.Expires.Before(l.Cap)) {
		l.Cap = v.key.Expires.UTC().Truncate(time.Microsecond)
		l.Ends = l.after(l.Issued)
	}
	return l
}

// betterHash adds the password's new hash to the write set when the old one is
// not made as today's are. A hash that cannot be made now is made another time.
func (s *Service) betterHash(ctx context.Context, a *Attempt, v *verdict, w *WriteSet) {
	if !v.rehash {
		return
	}
	hash, err := s.hasher.Hash(ctx, a.Secret)
	if err != nil {
		s.log.Warn("a password keeps its old hash until the next login", "error", err)
		return
	}
	w.Password = &PasswordChange{User: v.principal, Old: v.judged, New: hash}
}

// begun takes a session that is durable into memory.
func (s *Service) begun(row *SessionRow, v *verdict, mark uint64, now time.Time) Session {
	who := v.who
	if row.ExpireOnNew {
		s.obey(Notice{Kind: EndedPrincipal, ID: uint64(v.principal)})
	}
	e := newCached(row, who, s.origin(row.Dialect, row.App), now.UnixNano())
	// An identity that was marked dead since it was looked up makes the first
	// check ask the store, so nothing that ended meanwhile comes back.
	s.cache.put(e, mark, func() bool { return !who.live.dead.Load() })
	who.live.state.began(row)
	s.usage.login(row, v.judged != "")
	if v.key != nil && who.live.state.useNoted(now) {
		s.notes.use(KeyUse{Key: v.principal, At: row.Issued})
	}
	return e.session()
}

// countFailure makes a failure durable and then says so.
func (s *Service) countFailure(ctx context.Context, a *Attempt, v *verdict, place *reservation, now time.Time, refusal *Refusal) error {
	settled := s.guard.failed(now, place, v.known)
	return s.refuseJudged(ctx, a, &settled, now, refusal)
}

// wrongAfterAll counts a failure that only the commit has shown like one that was judged.
// The places were given back when the secret was right, so it waits for them anew; who
// is locked meanwhile is refused for that.
func (s *Service) wrongAfterAll(ctx context.Context, a *Attempt, v *verdict, settled *settled, now time.Time, refusal *Refusal) error {
	settled.use.untold(now)
	place, other := s.guard.reserve(ctx, now, a)
	if other != nil {
		return s.refuse(ctx, a, now, other)
	}
	place.rate = settled.rate
	return s.countFailure(ctx, a, v, &place, now, refusal)
}

// refuseJudged writes what a judged attempt that begins nothing leaves behind, and
// returns the refusal once that is durable.
func (s *Service) refuseJudged(ctx context.Context, a *Attempt, settled *settled, now time.Time, refusal *Refusal) error {
	w := WriteSet{Events: []audit.Event{s.refusalEvent(a, now, refusal)}}
	other, err := s.commit(ctx, settled, &w)
	if other != nil {
		return s.refuse(ctx, a, now, other)
	}
	refusal.Failures, refusal.Allowed = settled.failures, settled.allowed
	return s.recorded(a, refusal, err)
}

// throttle refuses an attempt whose secret was right, which it tells: so only if
// nobody has locked the name.
func (s *Service) throttle(ctx context.Context, a *Attempt, v *verdict, settled *settled, now time.Time, refusal *Refusal) error {
	locked, err := s.confirm(ctx, settled)
	switch {
	case err != nil:
		refusal = unwritten("asking for locks", err)
	case locked != nil:
		refusal = locked
	}
	return s.refuseRight(ctx, a, v, &settled.use, now, refusal)
}

// refuseRight is refuse for an attempt whose secret was right. One that is throttled is
// booked on whose secret it was, in the audit and in the figures, and is told of as any
// other that is over fair use.
func (s *Service) refuseRight(ctx context.Context, a *Attempt, v *verdict, use *fairUse, now time.Time, refusal *Refusal) error {
	if refusal.Reason != Throttled {
		use.untold(now)
		return s.refuse(ctx, a, now, refusal)
	}
	refusal.who = v.who
	s.usage.refused(v.principal, a.Mount.Dialect)
	if !use.report {
		return s.refuse(ctx, a, now, refusal)
	}
	e := fairUseEvent(s.refusalEvent(a, now, refusal), *use)
	err := s.refuse(ctx, a, now, refusal, e)
	if RefusalOf(err) != refusal {
		use.untold(now)
	}
	return err
}

// refuse writes that an attempt was not judged, or tells nothing of it, and returns
// the refusal once that is durable. What costs nothing to cause is tallied; beside is
// written in any case. That the store did not answer is not for the store: whoever
// waited for that would wait again.
func (s *Service) refuse(ctx context.Context, a *Attempt, now time.Time, refusal *Refusal, beside ...audit.Event) error {
	if refusal.Reason == Unavailable && !errors.Is(refusal.Cause, ErrOlderKeys) {
		s.lament(&s.troubles.refusals, slog.LevelError, "a login could not be judged", slog.String("dialect", a.Mount.Dialect), slog.String("request", a.Origin.Request), slog.Any("error", refusal.Cause))
		return refusal
	}
	e := s.refusalEvent(a, now, refusal)
	events := beside
	if !refusal.costsNothing() || s.tally.first(&e, refusal, now) {
		events = append([]audit.Event{e}, beside...)
	}
	if len(events) == 0 {
		return refusal
	}
	_, err := s.store.Apply(ctx, &WriteSet{Events: events})
	return s.recorded(a, refusal, err)
}

func (s *Service) refusalEvent(a *Attempt, now time.Time, refusal *Refusal) audit.Event {
	e := s.event(a, audit.Refusal, now)
	e.Reason = string(refusal.Reason)
	if refusal.Cause != nil && isWhy(refusal.Cause) {
		e.Detail = refusal.Cause.Error()
	}
	if refusal.subject != "" {
		e.Subject = refusal.subject
	}
	if refusal.who != nil {
		about(&e, refusal.who)
	}
	return e
}

// recorded is the refusal if it could be written.
func (s *Service) recorded(a *Attempt, refusal *Refusal, err error) error {
	if err == nil {
		return refusal
	}
	s.lament(&s.troubles.refusals, slog.LevelError, "a refused login could not be recorded", slog.String("dialect", a.Mount.Dialect), slog.String("request", a.Origin.Request), slog.Any("error", err))
	return unwritten("recording a refusal", err)
}
