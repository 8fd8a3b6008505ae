package domainpunch

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAsPHP: the texts are what PHP's json_encode makes of them.
func TestAsPHP(t *testing.T) {
	for text, want := range map[string]string{
		"":                     `""`,
		"https://x/y/":         `"https:\/\/x\/y\/"`,
		`"\`:                   `"\"\\"`,
		"\b\f\n\r\t":           `"\b\f\n\r\t"`,
		"\x00\x01\x1f":         `"\u0000\u0001\u001f"`,
		"\x7f<>&'":             "\"\x7f<>&'\"",
		"Köln":                 `"K\u00f6ln"`,
		"日本":                   `"\u65e5\u672c"`,
		"\u2028\u2029\ufeff":   `"\u2028\u2029\ufeff"`,
		"\U0001F600\U0010FFFF": `"\ud83d\ude00\udbff\udfff"`,
		"\xff\xc3":             `"\ufffd\ufffd"`,
	} {
		if got := string(appendText(nil, text)); got != want {
			t.Errorf("%q is written %s, want %s", text, got, want)
		}
	}
}

// FuzzText: what is written is ASCII, and another parser reads what was meant.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a/b", "Köln", "\U0001F600", "\x00\x7f\x80", "\"\\\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b := appendText(nil, text)
		for _, c := range b {
			if c >= utf8.RuneSelf {
				t.Fatalf("%q is written %q", text, b)
			}
		}
		var got string
		if err := json.Unmarshal(b, &got); err != nil || got != strings.ToValidUTF8(text, "\ufffd") && utf8.ValidString(text) {
			t.Fatalf("%q is written %s and read %q (%v)", text, b, got, err)
		}
	})
}
