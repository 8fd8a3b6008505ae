package verify

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// Credential is what a call carries: the token, and what stands beside it and has
// to fit. Fields that the call does not have stay zero.
type Credential struct {
	Token string

	// Dialect is the one whose clients carry the token so; "": any. A token of
	// another dialect is refused, and so is a call that lacks the application
	// key that the dialect's calls need.
	Dialect string

	Account int64  // number of the account that the call names; it must be the session's
	Code    string // code of the account that the call names; it must be the session's or one below it
	App     string // application key

	// User is the user whom the call is made for, where the dialect's clients may
	// act for others, and Kind the kind of session that has to be.
	User string
	Kind string
}

// Bounds of a credential, in bytes.
const (
	maxToken  = 4096
	maxBeside = 1024 // each of the other strings
)

func (c *Credential) bounded() bool {
	return len(c.Token) <= maxToken && len(c.Dialect) <= maxBeside && len(c.Code) <= maxBeside &&
		len(c.App) <= maxBeside && len(c.User) <= maxBeside && len(c.Kind) <= maxBeside && c.Account >= 0
}

// key is what a verdict is remembered under: a SHA-256 over all of the credential,
// behind bytes that nobody outside knows. It is compared whole. The credential
// itself is not kept.
type key [sha256.Size]byte

// short is enough to find an entry by; whose it is says the whole key.
func (k *key) short() uint64 { return binary.LittleEndian.Uint64(k[:]) }

type seed [32]byte

func newSeed() (s seed) {
	_, _ = rand.Read(s[:]) // never fails: it ends the program instead
	return s
}

// of does not allocate for credentials of a usual size.
func (s *seed) of(c *Credential) key {
	var room [512]byte
	b := append(room[:0], s[:]...)
	for _, field := range [...]string{c.Token, c.Dialect, c.Code, c.App, c.User, c.Kind} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	b = binary.AppendVarint(b, c.Account)
	return sha256.Sum256(b)
}
