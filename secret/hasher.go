package secret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
)

// MaxPassword is the longest password in bytes. [Hasher.Hash] refuses a longer
// one; for [Hasher.Verify] it is a wrong one, after the usual work.
const MaxPassword = 1024

var (
	// ErrBusy says that as many passwords wait to be hashed as may wait.
	ErrBusy = errors.New("secret: too many passwords are being checked: try again in a moment")
	// ErrPasswordTooLong says that a password exceeds [MaxPassword].
	ErrPasswordTooLong = fmt.Errorf("secret: the password is longer than %d bytes: choose a shorter one", MaxPassword)
)

// Hasher hashes and verifies passwords. It is safe for concurrent use.
//
// Hashing is made to be costly, so it is the first thing an attacker can exhaust.
// A Hasher bounds it: no more than so many hashes are computed at once, no more
// than so many callers wait, and what is beyond is refused at once. At most
// slots*19 MiB are in use, and on top of it up to 256 MiB by one hash at a time
// that was imported with larger parameters than ours.
//
// A caller whose context ends stops waiting; a hash that has begun is finished.
type Hasher struct {
	admitted chan struct{} // one for each caller inside, running or waiting
	running  chan struct{} // one for each hash being computed
	large    chan struct{} // held by the one that needs more memory than our own
	dummy    string
	work     atomic.Uint64
}

// NewHasher returns a Hasher that computes at most slots hashes at once while at
// most waiting more callers wait. slots of 0 or less stands for half of GOMAXPROCS,
// at least 1, which leaves the other half to the checking of tokens; a negative
// waiting stands for 0.
func NewHasher(slots, waiting int) *Hasher {
	if slots <= 0 {
		slots = max(1, runtime.GOMAXPROCS(0)/2)
	}
	// A hash of nothing: no password is known that gives this random tag.
	var salt [saltSize]byte
	var tag [tagSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	_, _ = rand.Read(tag[:])
	return &Hasher{
		admitted: make(chan struct{}, slots+max(0, waiting)),
		running:  make(chan struct{}, slots),
		large:    make(chan struct{}, 1),
		dummy:    encodeArgon2(salt[:], tag[:]),
	}
}

// Hash returns the argon2id hash of password under a fresh salt, as a PHC string
// of 97 characters. The password is taken byte for byte, without normalization.
// The error is [ErrPasswordTooLong], [ErrBusy], or wraps the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (encoded string, err error) {
	if len(password) > MaxPassword {
		return "", ErrPasswordTooLong
	}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	err = h.run(ctx, ownMemory, func() error {
		encoded = encodeArgon2(salt[:], ownTag(password, salt[:]))
		return nil
	})
	return encoded, err
}

// Verify reports whether encoded is a hash of password, and if it is, whether it
// should be replaced with a new [Hasher.Hash] because it is weaker, as
// [NeedsRehash] says. Which forms of encoded are read, see [CheckHash]. The error wraps
// [ErrHashFormat] or the context's, or is [ErrBusy]; a wrong password is no error.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, rehash bool, err error) {
	s, err := parseHash(encoded)
	if err != nil {
		return false, false, err
	}
	// A password that is too long costs what others cost, and no more.
	short := password[:min(len(password), MaxPassword)]
	err = h.run(ctx, s.memory, func() (err error) {
		ok, err = s.match(short)
		return err
	})
	ok = ok && err == nil && len(short) == len(password)
	return ok, ok && !s.current, err
}

// VerifyDummy does the work of a Verify against a hash of today's kind that no
// password matches: for a name that does not exist, so that it takes as long to
// refuse as one that does. The error is [ErrBusy] or wraps the context's.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	_, _, err := h.Verify(ctx, h.dummy, password)
	return err
}

// Waiting is the number of callers that wait for a slot: a gauge.
func (h *Hasher) Waiting() int {
	return max(0, len(h.admitted)-len(h.running)) // the two are not read at one instant
}

// Work is the memory that all hashes so far have filled, in bytes: what passwords
// have cost. It only grows.
func (h *Hasher) Work() uint64 { return h.work.Load() }

// run runs f, which needs so many bytes, in a slot, when there is one.
func (h *Hasher) run(ctx context.Context, memory int, f func() error) error {
	release, err := h.acquire(ctx, memory)
	if err != nil {
		return err
	}
	defer release()
	h.work.Add(uint64(memory))
	if err := f(); err != nil {
		return fmt.Errorf("secret: compute a password hash: %w", err)
	}
	return nil
}

// acquire waits until a hash that needs so many bytes may be computed. The caller
// calls release when it has been.
func (h *Hasher) acquire(ctx context.Context, memory int) (release func(), err error) {
	select {
	case h.admitted <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	// A large one waits for its turn among the large before it takes a slot, so
	// that it keeps none from the others meanwhile.
	large := memory > ownMemory
	if large {
		if err := take(ctx, h.large); err != nil {
			<-h.admitted
			return nil, err
		}
	}
	if err := take(ctx, h.running); err != nil {
		if large {
			<-h.large
		}
		<-h.admitted
		return nil, err
	}
	return func() {
		<-h.running
		if large {
			<-h.large
		}
		<-h.admitted
	}, nil
}

// take waits for a place in c, in the order of arrival, until ctx ends.
func take(ctx context.Context, c chan struct{}) error {
	err := ctx.Err() // of two cases that are ready, select would choose by chance
	if err == nil {
		select {
		case c <- struct{}{}:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return fmt.Errorf("secret: wait for a password to be checked: %w", err)
}
