package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/secret"
)

// verdict names a comparison of the password that the file states with a hash.
type verdict struct {
	user *user
	hash string
}

// judge compares passwords. It takes as long as so many logins.
func (p *Plan) judge(ctx context.Context, pending []verdict) error {
	for _, v := range pending {
		err := patiently(ctx, func() error {
			same, _, err := p.o.Hasher.Verify(ctx, v.hash, v.user.Password)
			p.verdicts[v] = same
			return err
		})
		if errors.Is(err, secret.ErrHashFormat) { // a hash that nobody can log in with is replaced
			err = nil
		}
		if err != nil {
			return fmt.Errorf("user of line %d: %w", v.user.Line(), err)
		}
	}
	return nil
}

// prepare does what must not be done in a transaction: it hashes passwords and
// makes secrets.
func (p *Plan) prepare(ctx context.Context) error {
	for _, u := range p.hash {
		if _, done := p.hashes[u]; done {
			continue
		}
		err := patiently(ctx, func() (err error) {
			p.hashes[u], err = p.o.Hasher.Hash(ctx, u.Password)
			return err
		})
		if err != nil {
			delete(p.hashes, u)
			return fmt.Errorf("hashing the password of the user of line %d: %w", u.Line(), err)
		}
	}
	for _, g := range p.generate {
		if p.secrets[g.key] == "" {
			p.secrets[g.key] = secret.NewKeySecret()
		}
	}
	return nil
}

// prepared says whether prepare made all that a walk needs.
func (p *Plan) prepared(w *walk) bool {
	for _, u := range w.hash {
		if p.hashes[u] == "" {
			return false
		}
	}
	for _, g := range w.generate {
		if p.secrets[g.key] == "" {
			return false
		}
	}
	return len(w.pending) == 0
}

// patiently repeats f while the hasher, which logins share, is busy.
func patiently(ctx context.Context, f func() error) error {
	for {
		err := f()
		if !errors.Is(err, secret.ErrBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
