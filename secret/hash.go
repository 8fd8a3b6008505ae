package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrHashFormat says that a password hash is of no scheme that is read here, is
// malformed, or has parameters out of bounds.
var ErrHashFormat = errors.New("secret: not a usable password hash")

// Bounds on a stored hash. Hashes come in from customers' own systems; a hostile
// one must not make a login cost more than a second or a few, nor a gigabyte.
const (
	maxEncoded = 512       // characters
	maxMemory  = 256 << 20 // bytes
	minSalt    = 4         // bytes; bcrypt's are 16
	maxSalt    = 64
	minTag     = 16 // a shorter one could be met by chance
	maxTag     = 64
)

// stored is a password hash, taken apart and found to be within bounds.
type stored struct {
	memory  int  // bytes that match allocates, if that is more than a few KiB
	current bool // as strong as those that are made today, or stronger
	match   func(password string) (bool, error)
}

// schemes, by what their hashes start with. No prefix is the start of another.
var schemes = []struct {
	prefix string
	parse  func(prefix, rest string) (stored, error)
}{
	{"$argon2id$", parseArgon2},
	{"$argon2i$", parseArgon2},
	{"$2a$", parseBcrypt},
	{"$2b$", parseBcrypt},
	{"$2y$", parseBcrypt},
	{"$scrypt$", parseScrypt},
	{"$pbkdf2$", parsePBKDF2},
	{"$pbkdf2-sha1$", parsePBKDF2},
	{"$pbkdf2-sha256$", parsePBKDF2},
	{"$pbkdf2-sha512$", parsePBKDF2},
	{"pbkdf2_sha1$", parseDjango},
	{"pbkdf2_sha256$", parseDjango},
}

// CheckHash reports whether encoded is a password hash that [Hasher.Verify] reads,
// with parameters within bounds; the error wraps [ErrHashFormat] and does not
// quote the hash. It computes nothing. These are read:
//
//   - argon2id and argon2i, version 19, as PHC strings: m up to 262144 KiB, t up to
//     16, p up to 16;
//   - bcrypt $2a$, $2b$ and $2y$, which differ in nothing but how they once were
//     made: cost 4 to 16;
//   - scrypt as $scrypt$ln=..,r=..,p=..$salt$hash: up to 256 MiB, p up to 16, and
//     up to 1 GiB times p;
//   - PBKDF2 with SHA-1, SHA-256 or SHA-512, up to 5,000,000 iterations: passlib's
//     $pbkdf2-sha256$rounds$salt$hash, the PHC string $pbkdf2-sha256$i=..$salt$hash,
//     and Django's pbkdf2_sha256$iterations$salt$hash.
//
// Salts have 4 to 64 bytes and tags 16 to 64.
func CheckHash(encoded string) error {
	_, err := parseHash(encoded)
	return err
}

// NeedsRehash reports whether encoded is weaker than what [Hasher.Hash] makes
// today: of another scheme than argon2id, of less memory, of less memory times
// passes, or with a shorter salt or tag. A stronger one stays as it is. What is
// no hash at all needs one.
func NeedsRehash(encoded string) bool {
	s, err := parseHash(encoded)
	return err != nil || !s.current
}

func parseHash(encoded string) (stored, error) {
	if len(encoded) > maxEncoded {
		return stored{}, badHash("it is longer than %d characters", maxEncoded)
	}
	for _, c := range []byte(encoded) {
		if c <= ' ' || c > '~' { // base64 decoders pass over line breaks
			return stored{}, badHash("it has a character that is not printable ASCII")
		}
	}
	for _, s := range schemes {
		if rest, ok := strings.CutPrefix(encoded, s.prefix); ok {
			h, err := s.parse(s.prefix, rest)
			if err != nil {
				return stored{}, fmt.Errorf("%w (%s)", err, strings.Trim(s.prefix, "$"))
			}
			return h, nil
		}
	}
	return stored{}, badHash("its scheme is none of argon2id, argon2i, bcrypt, scrypt and PBKDF2")
}

func badHash(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHashFormat, fmt.Sprintf(format, args...))
}

// params reads "a=1,b=2" with exactly these names in this order, as PHC strings
// have them, each value from 1 to its limit.
func params(s string, names []string, limits []int) ([]int, error) {
	fields := strings.Split(s, ",")
	if len(fields) != len(names) {
		return nil, badHash("its parameters are not %s", strings.Join(names, ", "))
	}
	values := make([]int, len(names))
	for i, f := range fields {
		digits, ok := strings.CutPrefix(f, names[i]+"=")
		if !ok {
			return nil, badHash("its parameters are not %s", strings.Join(names, ", "))
		}
		var err error
		if values[i], err = number(names[i], digits, limits[i]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// number reads a decimal from 1 to limit, without sign or leading zeros.
func number(name, digits string, limit int) (int, error) {
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > limit || strconv.Itoa(n) != digits {
		return 0, badHash("%s is not a number from 1 to %d", name, limit)
	}
	return n, nil
}

// saltAndTag decodes the last two fields of most schemes.
func saltAndTag(enc *base64.Encoding, salt64, tag64 string) (salt, tag []byte, err error) {
	if salt, err = enc.DecodeString(salt64); err != nil || len(salt) < minSalt || len(salt) > maxSalt {
		return nil, nil, badHash("its salt is not %d to %d bytes in base64", minSalt, maxSalt)
	}
	if tag, err = enc.DecodeString(tag64); err != nil || len(tag) < minTag || len(tag) > maxTag {
		return nil, nil, badHash("its tag is not %d to %d bytes in base64", minTag, maxTag)
	}
	return salt, tag, nil
}

// phcEncoding is the PHC string format's base64: standard, unpadded, canonical.
var phcEncoding = base64.RawStdEncoding.Strict()
