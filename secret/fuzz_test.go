package secret

import (
	"errors"
	"strings"
	"testing"
)

// Whatever is parsed is in the one spelling of its form, and authentic only if
// it was minted.
func FuzzParseToken(f *testing.F) {
	k := goldenKeys(f)
	minted := map[string]bool{}
	for _, g := range goldenTokens { // fixed, as fuzzing runs in several processes
		minted[g.wire] = true
		f.Add(g.wire)
		f.Add(g.wire[:len(g.wire)-1])
		f.Add(strings.ToLower(g.wire))
	}
	f.Add("")
	f.Add("sp_")
	f.Add(strings.Repeat("A", 76))
	f.Add("SkNCMEU1SGRhY1BmQUdNaTl0b1V4USUzRCUzRDpnakdPemM2Mkw4WnJxQjRzRWs0VmRnJTNEJTNE")
	f.Fuzz(func(t *testing.T, wire string) {
		for _, form := range allForms {
			tok, ok := k.Parse(form, 0, wire)
			if !ok {
				if tok != (Token{}) {
					t.Errorf("%v: %q is refused with a token", form, wire)
				}
				continue
			}
			spelled := wire
			if form == FormGUID {
				spelled = strings.ToUpper(wire)
			}
			if !shapes[form].MatchString(spelled) {
				t.Errorf("%v: %q parsed", form, wire)
			}
			if form != FormGUID && k.Authentic(form, 0, &tok) && !minted[wire] {
				t.Errorf("%v: %q is authentic and was not minted", form, wire)
			}
		}
	})
}

// Whatever passes the check is within bounds.
func FuzzCheckHash(f *testing.F) {
	for _, h := range foreign {
		f.Add(h.encoded)
		f.Add(h.encoded[:len(h.encoded)/2])
	}
	f.Add(largeHash)
	f.Add("$argon2id$v=19$m=4294967295,t=4294967295,p=255$" + salt16 + "$" + tag32)
	f.Add("$scrypt$ln=63,r=1073741823,p=16$" + salt16 + "$" + tag32)
	f.Fuzz(func(t *testing.T, encoded string) {
		s, err := parseHash(encoded)
		switch {
		case err != nil && !errors.Is(err, ErrHashFormat):
			t.Errorf("%q: %v is not ErrHashFormat", encoded, err)
		case err == nil && (s.match == nil || s.memory < 0 || s.memory > maxMemory || len(encoded) > maxEncoded):
			t.Errorf("%q: accepted with %d bytes of memory", encoded, s.memory)
		}
	})
}
