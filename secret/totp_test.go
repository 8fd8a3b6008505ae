package secret

import (
	"encoding/base32"
	"net/url"
	"testing"
	"time"
)

// The vectors of RFC 6238 appendix B for SHA-1, their last six digits.
func TestTOTPVectors(t *testing.T) {
	key := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	for unix, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got, ok := TOTP(key, TOTPStep(time.Unix(unix, 0))); !ok || got != want {
			t.Errorf("at %d: %s, %v; want %s", unix, got, ok, want)
		}
	}
	if _, ok := TOTP("not base32!", 1); ok {
		t.Error("a key that is no base32 has a code")
	}
	if _, ok := TOTP("", 1); ok {
		t.Error("no key has a code")
	}
}

func TestVerifyTOTP(t *testing.T) {
	key, now := NewTOTPKey(), time.Unix(1_800_000_000, 0)
	at := TOTPStep(now)
	for step := at - 3; step <= at+3; step++ {
		code, _ := TOTP(key, step)
		got, ok := VerifyTOTP(key, code, now)
		if want := step >= at-1 && step <= at+1; ok != want || (ok && got != step) {
			t.Errorf("the code of step %+d: %d, %v", step-at, got-at, ok)
		}
	}
	for _, code := range []string{"", "0", "0000000"} {
		if _, ok := VerifyTOTP(key, code, now); ok {
			t.Errorf("%q passes", code)
		}
	}
	if NewTOTPKey() == key {
		t.Error("two keys are the same")
	}
}

func TestTOTPAddress(t *testing.T) {
	u, err := url.Parse(TOTPAddress("Sallyport", "ann@acme.example", "ABC"))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Sallyport:ann@acme.example" || u.Query().Get("secret") != "ABC" {
		t.Errorf("%v, %v", u, err)
	}
}
