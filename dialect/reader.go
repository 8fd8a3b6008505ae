package dialect

import "github.com/sallyport/sallyport/auth"

// Reader is a dialect whose tokens can be read outside of any call, as somebody
// hands them on who found one and asks whose it is. The value is what the dialect's
// clients hold: see each dialect's Read for how it is spelled where that is more
// than one string. What comes back names no account, app or user beside the token. A
// text that cannot be a token of the dialect is an *auth.Refusal with reason
// UnknownToken; whether one is good is for the core to say.
type Reader interface {
	Read(token string) (auth.Bearer, error)
}

// Mounts are all mounts, in the order in which they were added. The slice is the
// caller's.
func (r *Router) Mounts() []Mounted {
	list := make([]Mounted, len(r.mounts))
	for i, m := range r.mounts {
		list[i] = m.Mounted
	}
	return list
}
