package domainpunch

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// etokens makes and opens etokens. The vendor documents what is in one, salt,
// session id, time and server, separated by semicolons, and that it is encrypted
// and signed. The server is this server's own identity as it is configured: no
// request can say otherwise.
type etokens struct {
	sealer *auth.Sealer
	server string
	expiry int64 // seconds
	used   *used // nil: a token may be used again
}

const (
	separator = ";"
	saltSize  = 8 // bytes
)

// issue makes the etoken of a session that began now.
func (e *etokens) issue(session string, now time.Time) string {
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	return e.sealer.Seal(strings.Join([]string{
		hex.EncodeToString(salt[:]), session, strconv.FormatInt(now.Unix(), 10), e.server,
	}, separator))
}

// open is the session id in an etoken, false for one that is made up, of another
// server, expired, from the future, or was used where that may be done once.
func (e *etokens) open(etoken string, now time.Time) (session string, ok bool) {
	plain, ok := e.sealer.Open(etoken)
	if !ok {
		return "", false
	}
	// The sealer vouches that we wrote it. That it has another shape can only
	// mean that another version of us did.
	fields := strings.Split(plain, separator)
	if len(fields) != 4 || fields[3] != e.server {
		return "", false
	}
	issued, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return "", false
	}
	// Whole seconds, as the vendor compares them: a token of the last moment of a
	// second lives nearly a second longer.
	if age := now.Unix() - issued; age < 0 || age > e.expiry {
		return "", false
	}
	if e.used != nil && !e.used.take(sha256.Sum256([]byte(etoken)), now.Unix()) {
		return "", false
	}
	return fields[1], true
}

// used remembers etokens while they could be used again, in two generations: the
// younger becomes the older when all of the older have expired. It is this
// process's memory; another node has its own.
type used struct {
	expiry int64

	mu      sync.Mutex
	young   map[[32]byte]struct{}
	old     map[[32]byte]struct{}
	renewed int64 // when young was begun
}

// maxUsed bounds a generation; beyond it etokens are refused, and the cookie goes
// on working. It is 5 MiB.
const maxUsed = 50_000

func newUsed(expiry int64) *used {
	return &used{expiry: expiry, young: map[[32]byte]struct{}{}}
}

// take says whether the token is used for the first time, of many callers to one.
func (u *used) take(token [32]byte, now int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case now < u.renewed: // the clock was set back
		u.renewed = now
	case now-u.renewed > u.expiry:
		u.old, u.young, u.renewed = u.young, map[[32]byte]struct{}{}, now
	}
	_, inYoung := u.young[token]
	_, inOld := u.old[token]
	if inYoung || inOld || len(u.young) >= maxUsed {
		return false
	}
	u.young[token] = struct{}{}
	return true
}
