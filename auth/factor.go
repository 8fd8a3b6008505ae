package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// ConsoleDialect is what sessions of administrators are opened over. Whoever has
// an administrator's role logs in there and nowhere else, and nobody else does.
const ConsoleDialect = "console"

// Administers says whether the role is one of those that look after a server.
func (r Role) Administers() bool { return r == Auditor || r == Operator || r == Owner }

// mayLogIn says whether a role and a dialect belong together.
func (r Role) mayLogIn(dialect string) bool {
	if dialect == ConsoleDialect {
		return r.Administers()
	}
	return r.LogsIn()
}

var errFactor = errors.New("the code of the authenticator is wrong, missing or used already")

// SealFactor is how a user's second factor is kept: sealed under the key set and
// good for this user alone, so that neither a stolen database nor one whose rows
// were moved about opens anything. The key is of [secret.NewTOTPKey].
func (s *Service) SealFactor(user PrincipalID, key string) string {
	return s.factors.Seal(strconv.FormatInt(int64(user), 10) + " " + key)
}

// passesFactor checks the code of a user who has a second factor, and takes it:
// each code is good once (RFC 6238 section 5.2). At this node that is so from now on;
// at all others from the commit of the sign-in, which the store refuses if one of them
// was faster, see stepUsed.
func (s *Service) passesFactor(u *User, st *principalState, code string, now time.Time) (step int64, err error) {
	if u.Factor == "" {
		return 0, nil
	}
	plain, ok := s.factors.Open(u.Factor)
	owner, key, _ := strings.Cut(plain, " ")
	if !ok || owner != strconv.FormatInt(int64(u.ID), 10) {
		return 0, fmt.Errorf("%w: what is stored of it does not open under this key set", errFactor)
	}
	step, ok = secret.VerifyTOTP(key, code, now)
	if !ok || !st.takeStep(u.FactorStep, step) {
		return 0, errFactor
	}
	return step, nil
}

// takeStep says whether a code's step is newer than all before it, and notes it.
func (st *principalState) takeStep(stored, step int64) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if step <= max(stored, st.step) {
		return false
	}
	st.step = step
	return true
}

// stepUsed is the refusal if the store has of a user whose code is in the set a step
// that is as new: the code was used at another node after this one read the user. Who
// was removed meanwhile is nobody any more.
func (s *Service) stepUsed(ctx context.Context, w *WriteSet) (*Refusal, error) {
	for i := range w.SignIns {
		in := &w.SignIns[i]
		if in.Step == 0 {
			continue
		}
		var u User
		err := s.dir.view(ctx, func(v Reader) (err error) {
			u, err = v.User(in.User)
			return err
		})
		switch {
		case errors.Is(err, ErrNotFound):
			return refuseCredentials(err), nil
		case err != nil:
			return nil, fmt.Errorf("reading the newest code that was used: %w", err)
		case in.Step <= u.FactorStep:
			return &Refusal{Reason: BadCredentials, Cause: errFactor, subject: u.Name}, nil
		}
	}
	return nil, nil
}

// NewFactor makes the key of a second factor, as people type it into their
// authenticator app.
func NewFactor() (key string) { return secret.NewTOTPKey() }

// FactorAddress is a key as apps read it from a QR code.
func FactorAddress(issuer, user, key string) string { return secret.TOTPAddress(issuer, user, key) }

// ProveFactor seals a key for the user who shows with a code that it is in their
// app. The step is the code's, which is used up with that. The error wraps
// [ErrInvalid].
func (s *Service) ProveFactor(user PrincipalID, key, code string) (sealed string, step int64, err error) {
	step, ok := secret.VerifyTOTP(key, code, s.clock())
	if !ok {
		return "", 0, fmt.Errorf("%w: this is not the app's code of now: is the clock of the phone right?", ErrInvalid)
	}
	return s.SealFactor(user, key), step, nil
}
