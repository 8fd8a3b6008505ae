package secret

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/argon2"
)

const (
	salt16 = "c29tZXNhbHRzb21lc2FsdA"                      // 16 bytes
	tag32  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" // 32 bytes
)

// Hashes that others made, from the public test suites named, or from Python's
// hashlib and libxcrypt.
var foreign = []struct{ from, password, encoded string }{
	{"PHC reference, argon2id", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"PHC reference, argon2i", "password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"},
	{"crypt_blowfish", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"},
	{"crypt_blowfish", "U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"},
	{"crypt_blowfish", "U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"},
	{"crypt_blowfish", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored", "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"},
	{"libxcrypt 2a", "pässword", "$2a$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"},
	{"libxcrypt 2b", "pässword", "$2b$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"},
	{"libxcrypt 2y, as PHP writes it", "pässword", "$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"},
	{"RFC 7914, scrypt", "pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"},
	{"passlib, scrypt", "password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},
	{"passlib, PBKDF2", "password", "$pbkdf2-sha256$8000$XAuBMIYQQogxRg$tRRlz8hYn63B9LYiCd6PRo6FMiunY9ozmMMI3srxeRE"},
	{"hashlib, dots for plus", "correct horse", "$pbkdf2-sha256$1000$....MDEyMzQ1Njc4OQ$YiT9egOFL9RSjdt/ttcTcJo7Y.2h9rr1s.XaJSojvuw"},
	{"hashlib, PHC form", "correct horse", "$pbkdf2-sha256$i=1000$++++MDEyMzQ1Njc4OQ$YiT9egOFL9RSjdt/ttcTcJo7Y+2h9rr1s+XaJSojvuw"},
	{"hashlib, PHC form with length", "correct horse", "$pbkdf2-sha256$i=1000,l=32$++++MDEyMzQ1Njc4OQ$YiT9egOFL9RSjdt/ttcTcJo7Y+2h9rr1s+XaJSojvuw"},
	{"RFC 7914, PBKDF2", "passwd", "$pbkdf2-sha256$1$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd.8xfHG4RbHjC9UJESBB06GXgw"},
	{"RFC 6070", "password", "$pbkdf2$4096$c2FsdA$SwB5AbdlSJq.rUnZJvch0GWkKcE"},
	{"RFC 6070", "password", "$pbkdf2-sha1$i=4096$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE"},
	{"hashlib, SHA-512", "correct horse", "$pbkdf2-sha512$25000$MDEyMzQ1Njc4OWFiY2RlZg$NAtVcXr7DbXedVbBm.JvbbmENXwAmeETSMIk.8rC9F5GBbGumPcNIpwLppBM7vaXnbPUqZhH3UgUjzNRgCPZMg"},
	{"hashlib, Django's form", "lètmein", "pbkdf2_sha256$10000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY="},
	{"hashlib, Django's form", "lètmein", "pbkdf2_sha1$10000$seasalt$oAfF6vgs95ncksAhGXOWf4Okq7o="},
}

func TestForeignHashes(t *testing.T) {
	h := NewHasher(1, 0)
	for _, f := range foreign {
		if err := CheckHash(f.encoded); err != nil {
			t.Errorf("%s: %v", f.from, err)
		}
		ok, rehash, err := h.Verify(t.Context(), f.encoded, f.password)
		if !ok || !rehash || err != nil {
			t.Errorf("%s: %s is %v, rehash %v, %v, want true, true", f.from, f.encoded, ok, rehash, err)
		}
		wrong := "X" + f.password[1:]
		ok, rehash, err = h.Verify(t.Context(), f.encoded, wrong)
		if ok || rehash || err != nil {
			t.Errorf("%s: %s with a wrong password is %v, rehash %v, %v", f.from, f.encoded, ok, rehash, err)
		}
	}
}

func TestOwnHashes(t *testing.T) {
	h := NewHasher(1, 0)
	long := strings.Repeat("a", MaxPassword)
	for _, password := range []string{"", "x", "pässwörd\x00\xff", long} {
		e1, err1 := h.Hash(t.Context(), password)
		e2, err2 := h.Hash(t.Context(), password)
		if err1 != nil || err2 != nil || e1 == e2 {
			t.Fatalf("%q, %v and %q, %v: want two different salts", e1, err1, e2, err2)
		}
		if !strings.HasPrefix(e1, "$argon2id$v=19$m=19456,t=2,p=1$") || len(e1) != 97 || CheckHash(e1) != nil {
			t.Errorf("%q is not of today's kind", e1)
		}
		if ok, rehash, err := h.Verify(t.Context(), e1, password); !ok || rehash || err != nil {
			t.Errorf("%q: %v, rehash %v, %v", password, ok, rehash, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), e1, password+"y"); ok || rehash || err != nil {
			t.Errorf("%q with one more character: %v, rehash %v, %v", password, ok, rehash, err)
		}
	}
	if _, err := h.Hash(t.Context(), long+"a"); !errors.Is(err, ErrPasswordTooLong) {
		t.Errorf("a password of %d bytes: %v, want ErrPasswordTooLong", MaxPassword+1, err)
	}
}

// A hash is replaced by a stronger one, and never by a weaker one.
func TestRehashOnlyWhatIsWeaker(t *testing.T) {
	own := "$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + tag32
	for encoded, rehash := range map[string]bool{
		own: false,
		strings.Replace(own, "m=19456,t=2", "m=65536,t=4", 1):          false, // PHP
		strings.Replace(own, "m=19456,t=2", "m=38912,t=1", 1):          false,
		strings.Replace(own, "m=19456,t=2", "m=38911,t=1", 1):          true,
		strings.Replace(own, "m=19456", "m=19455", 1):                  true,
		strings.Replace(own, "m=19456,t=2", "m=9728,t=16", 1):          true, // many passes do not stand in for memory
		strings.Replace(own, "m=19456,t=2", "m=8192,t=1", 1):           true,
		strings.Replace(own, "t=2", "t=1", 1):                          true,
		strings.Replace(own, "p=1", "p=4", 1):                          false,
		strings.Replace(own, "argon2id", "argon2i", 1):                 true,
		strings.Replace(own, salt16, salt16[:20], 1):                   true,
		strings.Replace(own, salt16, tag32, 1):                         false,
		strings.Replace(own, tag32, salt16, 1):                         true,
		"$2b$10$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC": true,
		"$argon2id$": true,
		"":           true,
	} {
		if got := NeedsRehash(encoded); got != rehash {
			t.Errorf("%s: needs a new hash: %v, want %v", encoded, got, rehash)
		}
	}
	h := NewHasher(1, 0)
	encoded := func(kib, passes uint32) string {
		salt := []byte("somesaltsomesalt")
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", kib, passes, phcEncoding.EncodeToString(salt),
			phcEncoding.EncodeToString(argon2.IDKey([]byte("password"), salt, passes, kib, 1, tagSize)))
	}
	for e, want := range map[string]bool{encoded(65536, 4): false, encoded(8192, 1): true} {
		if ok, rehash, err := h.Verify(t.Context(), e, "password"); !ok || rehash != want || err != nil {
			t.Errorf("%s: %v, rehash %v, %v, want rehash %v", e, ok, rehash, err, want)
		}
	}
}

func TestHostileHashes(t *testing.T) {
	argon := func(p string) string { return "$argon2id$v=19$" + p + "$" + salt16 + "$" + tag32 }
	scr := func(p string) string { return "$scrypt$" + p + "$" + salt16 + "$" + tag32 }
	pbk := func(p string) string { return "$pbkdf2-sha256$" + p + "$" + salt16 + "$" + tag32 }
	bcr := func(v, cost string) string {
		return "$" + v + "$" + cost + "$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC"
	}
	bytes65 := strings.Repeat("A", 86) + "A"
	good := []string{
		argon("m=262144,t=16,p=16"), argon("m=8,t=1,p=1"), argon("m=128,t=1,p=16"),
		scr("ln=18,r=8,p=1"), scr("ln=17,r=8,p=8"), scr("ln=1,r=1,p=1"),
		pbk("5000000"), pbk("1"), pbk("i=5000000"), bcr("2a", "04"), bcr("2y", "16"),
	}
	for _, e := range good {
		if err := CheckHash(e); err != nil {
			t.Errorf("%s: %v", e, err)
		}
	}
	bad := []string{
		"", "$", "$$$", "plain", "5f4dcc3b5aa765d61d8327deb882cf99", "$1$salt$hash", "$6$salt$hash", "{SSHA}x", "$argon2id$", "$argon2d$v=19$m=8,t=1,p=1$" + salt16 + "$" + tag32,
		argon("m=262145,t=2,p=1"), argon("m=19456,t=17,p=1"), argon("m=19456,t=2,p=17"), argon("m=7,t=1,p=1"), argon("m=15,t=1,p=2"),
		argon("m=0,t=1,p=1"), argon("m=19456,t=0,p=1"), argon("m=19456,t=1,p=0"), argon("m=-8,t=1,p=1"), argon("m=+19456,t=2,p=1"), argon("m=019456,t=2,p=1"),
		argon("m=4294967296,t=2,p=1"), argon("m=99999999999999999999,t=2,p=1"), argon("m=19456,t=2"), argon("t=2,m=19456,p=1"), argon("m=19456,t=2,p=1,x=1"),
		argon("m=19456,t=2,p=1,keyid=AA"), argon("m=19456,t=2,p="), argon("m=19456 ,t=2,p=1"), argon(""),
		"$argon2id$v=16$m=19456,t=2,p=1$" + salt16 + "$" + tag32, "$argon2id$m=19456,t=2,p=1$" + salt16 + "$" + tag32,
		argon("m=19456,t=2,p=1") + "$", argon("m=19456,t=2,p=1") + "\n", " " + argon("m=19456,t=2,p=1"), argon("m=19456,t=2,p=1") + "=",
		"$argon2id$v=19$m=19456,t=2,p=1$$" + tag32, "$argon2id$v=19$m=19456,t=2,p=1$AAAA$" + tag32, "$argon2id$v=19$m=19456,t=2,p=1$" + bytes65 + "$" + tag32,
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$", "$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$AAAA", "$argon2id$v=19$m=19456,t=2,p=1$" + salt16 + "$" + bytes65,
		"$argon2id$v=19$m=19456,t=2,p=1$c29t\nZXNhbHRzb21lc2FsdA$" + tag32, "$argon2id$v=19$m=19456,t=2,p=1$" + salt16[:21] + "B$" + tag32,
		scr("ln=19,r=8,p=1"), scr("ln=18,r=9,p=1"), scr("ln=17,r=8,p=9"), scr("ln=21,r=1,p=1"), scr("ln=64,r=1,p=1"), scr("ln=0,r=8,p=1"), scr("ln=14,r=0,p=1"),
		scr("ln=14,r=8,p=0"), scr("ln=1,r=1025,p=1"), scr("ln=1,r=8,p=17"), scr("ln=14,r=8"), scr("N=16384,r=8,p=1"), scr("ln=14,r=8,p=1") + "$",
		pbk("5000001"), pbk("0"), pbk("-1"), pbk(""), pbk("i="), pbk("i=0"), pbk("i=1000,l=31"), pbk("i=1000,l="), pbk("1000,l=32"), pbk("1e3"), pbk("1000") + "$",
		"$pbkdf2-sha256$1000$++++MDEyMzQ1Njc4OQ$" + tag32, "$pbkdf2-sha256$i=1000$....MDEyMzQ1Njc4OQ$" + tag32, "$pbkdf2-md5$1000$" + salt16 + "$" + tag32,
		"$pbkdf2-sha256$1000$" + salt16 + "$AAAA", "pbkdf2_sha256$5000001$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=",
		"pbkdf2_sha256$1000$sea$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=", "pbkdf2_sha256$1000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY",
		"pbkdf2_sha256$1000$" + strings.Repeat("s", 65) + "$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=", "pbkdf2_sha256$1000$seasalt", "pbkdf2_sha512$1000$seasalt$CWWFdHOWwPnki7HvkcqN9iA2T3KLW1cf2uZ5kvArtVY=",
		bcr("2a", "17"), bcr("2a", "31"), bcr("2a", "03"), bcr("2a", "00"), bcr("2a", "+5"), bcr("2a", " 5"), bcr("2a", "5a"), bcr("2x", "05"), bcr("2", "05"), bcr("3a", "05"),
		bcr("2a", "05") + "x", bcr("2a", "05")[:59], bcr("2a", "005")[:60], strings.Replace(bcr("2a", "05"), "abc", "ab=", 1), strings.Replace(bcr("2a", "05"), "abc", "ab$", 1),
		"$2a$05", "$2a$", strings.Repeat("$", 1000), "$argon2id$" + strings.Repeat("x", 10_000), "$pbkdf2-sha256$" + strings.Repeat("1", 600),
	}
	h := NewHasher(1, 0)
	for _, e := range bad {
		err := CheckHash(e)
		if !errors.Is(err, ErrHashFormat) {
			t.Errorf("%q: %v, want ErrHashFormat", e, err)
			continue
		}
		if s := err.Error(); strings.Contains(s, salt16) || strings.Contains(s, tag32) || strings.Contains(s, "abcdefgh") {
			t.Errorf("%q: the error quotes the hash: %s", e, s)
		}
		if ok, _, err := h.Verify(t.Context(), e, "x"); ok || !errors.Is(err, ErrHashFormat) {
			t.Errorf("Verify(%q) = %v, %v", e, ok, err)
		}
	}
}

// A hash with any character of its tag changed is that of no known password.
func TestTamperedHash(t *testing.T) {
	h := NewHasher(1, 0)
	const cheap = "$argon2id$v=19$m=8,t=1,p=1$" + salt16 + "$"
	s, err := parseHash(cheap + tag32)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.match("password"); ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, f := range foreign {
		if strings.Contains(f.encoded, "argon2") || strings.Contains(f.encoded, "ln=16") {
			continue // slow, and compared in the same way
		}
		e := f.encoded
		at := len(e) - 8
		swapped := fmt.Sprintf("%s%c%s", e[:at], e[at]^1, e[at+1:])
		if ok, _, err := h.Verify(t.Context(), swapped, f.password); ok && err == nil {
			t.Errorf("%s is a hash of %q as well", swapped, f.password)
		}
	}
}
