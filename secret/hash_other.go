package secret

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // PBKDF2 with HMAC-SHA-1 is not broken, and old systems have it
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// The schemes that are read and no longer written.

const (
	maxBcryptCost   = 16
	bcryptRest      = 60 - len("$2a$")
	maxScryptR      = 1024 // in practice 8 to 32; keeps the buffers of 128*r*p bytes small
	maxScryptLanes  = 16
	maxScryptWork   = 1 << 30 // bytes filled: 128*N*r*p
	maxPBKDF2Rounds = 5_000_000
)

// parseBcrypt reads bcrypt's modular crypt form: 2 digits of cost, $, 22 characters
// of salt, 31 of hash. As everywhere, only the first 72 bytes of a password count.
func parseBcrypt(prefix, rest string) (stored, error) {
	if len(rest) != bcryptRest || rest[2] != '$' {
		return stored{}, badHash("it is not 60 characters of cost$salt+tag")
	}
	for _, c := range []byte(rest[3:]) {
		if !strings.ContainsRune("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", rune(c)) {
			return stored{}, badHash("it has a character that is not in bcrypt's base64")
		}
	}
	if _, err := number("its cost", strings.TrimPrefix(rest[:2], "0"), maxBcryptCost); err != nil {
		return stored{}, err
	}
	encoded := []byte(prefix + rest)
	if _, err := bcrypt.Cost(encoded); err != nil {
		return stored{}, badHash("its cost is not a number from %d to %d", bcrypt.MinCost, maxBcryptCost)
	}
	return stored{match: func(password string) (bool, error) {
		err := bcrypt.CompareHashAndPassword(encoded, []byte(password)) // constant time
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return false, nil
		}
		return err == nil, err
	}}, nil
}

// parseScrypt reads the PHC form, as passlib writes it; the KDF is RFC 7914's.
func parseScrypt(_, rest string) (stored, error) {
	f := strings.Split(rest, "$")
	if len(f) != 3 {
		return stored{}, badHash("it is not ln=..,r=..,p=..$salt$tag")
	}
	v, err := params(f[0], []string{"ln", "r", "p"}, []int{20, maxScryptR, maxScryptLanes})
	if err != nil {
		return stored{}, err
	}
	n, r, p := 1<<v[0], v[1], v[2]
	// Filled p times. In 64 bits, which the limits above keep from overflowing.
	memory := 128 * int64(n) * int64(r)
	if memory > maxMemory || memory*int64(p) > maxScryptWork {
		return stored{}, badHash("it needs more than %d MiB, or too much work", maxMemory>>20)
	}
	salt, tag, err := saltAndTag(phcEncoding, f[1], f[2])
	if err != nil {
		return stored{}, err
	}
	return stored{memory: int(memory), match: func(password string) (bool, error) {
		got, err := scrypt.Key([]byte(password), salt, n, r, p, len(tag))
		return err == nil && subtle.ConstantTimeCompare(got, tag) == 1, err
	}}, nil
}

// parsePBKDF2 reads passlib's form, which has the rounds as a bare number and '.'
// in place of '+', and the PHC form, "i=" rounds and perhaps ",l=" length.
func parsePBKDF2(prefix, rest string) (stored, error) {
	f := strings.Split(rest, "$")
	if len(f) != 3 {
		return stored{}, badHash("it is not rounds$salt$tag")
	}
	rounds, phc := strings.CutPrefix(f[0], "i=")
	if !phc {
		if strings.Contains(rest, "+") {
			return stored{}, badHash("it has a + where passlib writes a dot")
		}
		f[1], f[2] = strings.ReplaceAll(f[1], ".", "+"), strings.ReplaceAll(f[2], ".", "+")
	}
	rounds, length, hasLength := strings.Cut(rounds, ",l=")
	salt, tag, err := saltAndTag(phcEncoding, f[1], f[2])
	if err != nil {
		return stored{}, err
	}
	if hasLength {
		if n, err := number("l", length, maxTag); !phc || err != nil || n != len(tag) {
			return stored{}, badHash("l is not the length of its tag")
		}
	}
	name := strings.TrimPrefix(strings.Trim(prefix, "$"), "pbkdf2")
	return newPBKDF2(strings.TrimPrefix(name, "-"), rounds, salt, tag)
}

// parseDjango reads Django's form: the salt is text, the tag padded base64.
func parseDjango(prefix, rest string) (stored, error) {
	f := strings.Split(rest, "$")
	if len(f) != 3 {
		return stored{}, badHash("it is not iterations$salt$tag")
	}
	salt := []byte(f[1])
	_, tag, err := saltAndTag(base64.StdEncoding.Strict(), base64.StdEncoding.EncodeToString(salt), f[2])
	if err != nil {
		return stored{}, err
	}
	return newPBKDF2(strings.TrimPrefix(strings.Trim(prefix, "$"), "pbkdf2_"), f[0], salt, tag)
}

func newPBKDF2(name, rounds string, salt, tag []byte) (stored, error) {
	n, err := number("its iterations", rounds, maxPBKDF2Rounds)
	if err != nil {
		return stored{}, err
	}
	var h func() hash.Hash
	switch name {
	case "sha256":
		h = sha256.New
	case "sha512":
		h = sha512.New
	default: // passlib's bare "pbkdf2" is SHA-1 as well
		h = sha1.New
	}
	return stored{match: func(password string) (bool, error) {
		got, err := pbkdf2.Key(h, password, salt, n, len(tag))
		return err == nil && subtle.ConstantTimeCompare(got, tag) == 1, err
	}}, nil
}
