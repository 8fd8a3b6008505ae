package secret

import (
	"crypto/subtle"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Today's parameters: the second of the equally strong minimum choices in OWASP's
// Password Storage Cheat Sheet. More memory a hash would mean fewer logins at once.
const (
	ownKiB    = 19456
	ownTime   = 2
	ownLanes  = 1
	ownMemory = ownKiB << 10 // bytes
	saltSize  = 16
	tagSize   = 32
)

func ownTag(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, ownTime, ownKiB, ownLanes, tagSize)
}

// encodeArgon2 writes the PHC string of a hash with today's parameters.
func encodeArgon2(salt, tag []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		ownKiB, ownTime, ownLanes, phcEncoding.EncodeToString(salt), phcEncoding.EncodeToString(tag))
}

func parseArgon2(prefix, rest string) (stored, error) {
	f := strings.Split(rest, "$")
	// x/crypto has no version 16, which is also meant when none is given; no library
	// has written it by default since 2016.
	if len(f) != 4 || f[0] != "v=19" {
		return stored{}, badHash("it is not v=19$m=..,t=..,p=..$salt$tag")
	}
	v, err := params(f[1], []string{"m", "t", "p"}, []int{maxMemory >> 10, 16, 16})
	if err != nil {
		return stored{}, err
	}
	kib, passes, lanes := v[0], v[1], v[2]
	if kib < 8*lanes { // RFC 9106, section 3.1
		return stored{}, badHash("m is less than 8 times p")
	}
	salt, tag, err := saltAndTag(phcEncoding, f[2], f[3])
	if err != nil {
		return stored{}, err
	}
	kdf := argon2.IDKey
	if prefix == "$argon2i$" {
		kdf = argon2.Key
	}
	return stored{
		memory: kib << 10,
		// More lanes cost whoever guesses as much: they only let one guess run on
		// several processors.
		current: prefix == "$argon2id$" && kib >= ownKiB && kib*passes >= ownKiB*ownTime &&
			len(salt) >= saltSize && len(tag) >= tagSize,
		match: func(password string) (bool, error) {
			got := kdf([]byte(password), salt, uint32(passes), uint32(kib), uint8(lanes), uint32(len(tag)))
			return subtle.ConstantTimeCompare(got, tag) == 1, nil
		},
	}, nil
}
