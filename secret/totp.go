package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and the only one that every authenticator app knows; HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

// One-time codes of an authenticator app, RFC 6238 with what all apps assume:
// HMAC-SHA-1, six digits, steps of 30 seconds.

const (
	totpStep   = 30 // seconds
	totpDigits = 6
	totpKey    = 20 // bytes: RFC 4226 section 4 recommends 160 bits
	totpDrift  = 1  // steps that a clock may be off, RFC 6238 section 5.2
)

var totpEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewTOTPKey makes the secret that an app and the server share, in the base32
// that people type into the app.
func NewTOTPKey() string {
	b := make([]byte, totpKey)
	_, _ = rand.Read(b) // never fails
	return totpEncoding.EncodeToString(b)
}

// TOTPAddress is the otpauth address of a secret, as apps read it from a QR code.
func TOTPAddress(issuer, user, key string) string {
	q := url.Values{"secret": {key}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+user) + "?" + q.Encode()
}

// TOTP is the code of a step of 30 seconds since 1970; false if key is no base32.
func TOTP(key string, step int64) (code string, ok bool) {
	raw, err := totpEncoding.DecodeString(key)
	if err != nil || len(raw) == 0 {
		return "", false
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) // RFC 4226: the counter is its bits
	mac := hmac.New(sha1.New, raw)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	// RFC 4226 section 5.3: dynamic truncation.
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	return fmt.Sprintf("%0*d", totpDigits, n%1_000_000), true
}

// TOTPStep is the step that a time falls into.
func TOTPStep(t time.Time) int64 { return t.Unix() / totpStep }

// VerifyTOTP says whether code is the one of now, give or take a step, and of
// which step it is. All codes are compared, whichever fits.
func VerifyTOTP(key, code string, now time.Time) (step int64, ok bool) {
	at := TOTPStep(now)
	for s := at - totpDrift; s <= at+totpDrift; s++ {
		want, good := TOTP(key, s)
		if good && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = s, true
		}
	}
	return step, ok
}
