package oauth

import (
	"context"
	"sync"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// places are all mounts of the server that can read a token.
type places struct {
	router *dialect.Router // nil: there is only own
	own    dialect.Mounted
	once   sync.Once
	list   []place
}

// place is one of them, with its mount as it is for calls, for questions and for
// ends.
type place struct {
	reader             dialect.Reader
	call, asked, ended *auth.Mount
}

// all makes the list at the first request: only then is the router complete.
func (p *places) all() []place {
	p.once.Do(func() {
		mounts := []dialect.Mounted{p.own}
		if p.router != nil {
			mounts = p.router.Mounts()
		}
		for _, m := range mounts {
			if r, ok := m.Dialect.(dialect.Reader); ok {
				p.list = append(p.list, newPlace(r, m.Mount))
			}
		}
	})
	return p.list
}

// newPlace: whoever asks about a token need not tell which application key a call
// carried, and a token can be given up while the name of its owner is locked.
func newPlace(r dialect.Reader, m *auth.Mount) place {
	asked := *m
	asked.AppOnCalls = false
	ended := asked
	ended.LockBlocksTokens = false
	return place{reader: r, call: m, asked: &asked, ended: &ended}
}

// maxToken bounds a token of any dialect, in bytes.
const maxToken = 2048

// find finds the live session that a token opens in any dialect: whose token it is
// cannot be seen, so each that could have made it is tried, as the gate does. ask
// completes the credential. Without a session the error is a refusal, UnknownToken
// where no mount knows the token, which is counted for this one.
func (o *oauth) find(ctx context.Context, token string, ask func(*place, *auth.Bearer)) (auth.Session, auth.Bearer, error) {
	var list []place
	if len(token) <= maxToken {
		list = o.places.all()
	}
	for i := range list {
		p := &list[i]
		b, err := p.reader.Read(token)
		if err != nil {
			continue
		}
		ask(p, &b)
		s, err := o.service.Try(ctx, &b)
		if err == nil {
			return s, b, nil
		}
		if auth.RefusalOf(err).Reason != auth.UnknownToken {
			return auth.Session{}, auth.Bearer{}, err
		}
	}
	o.service.Unknown(o.mount)
	return auth.Session{}, auth.Bearer{}, errUnknown
}
