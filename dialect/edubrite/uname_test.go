package edubrite

import (
	"net/http"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/auth"
)

func TestParseUname(t *testing.T) {
	for value, want := range map[string]named{
		"jdoe":                              {"jdoe", "", ""},
		"charles||":                         {"charles", "", ""},
		"jdoe|jdoe@edubrite.com|John Doe":   {"jdoe", "jdoe@edubrite.com", "John Doe"},
		" jdoe | j@example.org | John Doe ": {"jdoe", "j@example.org", "John Doe"},
		"jdoe|j@example.org":                {"jdoe", "j@example.org", ""},
		"jdoe|a|b|c|d":                      {"jdoe", "a", "b|c|d"},
		"":                                  {},
		"||":                                {},
		"|j@example.org|J":                  {"", "j@example.org", "J"},
		"Zoë|z@example.org|Zoë B?cker":      {"Zoë", "z@example.org", "Zoë B?cker"},
		strings.Repeat("x", maxUname):       {strings.Repeat("x", maxUname), "", ""},
	} {
		if n, err := parseUname(value); err != nil || n != want {
			t.Errorf("%q: %+v, %v", value, n, err)
		}
	}
	for _, value := range []string{strings.Repeat("x", maxUname+1), "jd\toe", "jdoe|a|\x7f", "jdoe\x00", "jd\xffoe", "Zo\xeb", "jdoe\u0085"} {
		if n, err := parseUname(value); err == nil || auth.RefusalOf(err).Reason != auth.Malformed {
			t.Errorf("%q: %+v, %v", value, n, err)
		}
	}
}

// TestCreatable: what a call may make a user of, and what stays a stranger.
func TestCreatable(t *testing.T) {
	for _, name := range []string{"j", "0", "jdoe", "J.Doe-2_x", "j.doe+lms@example.org", strings.Repeat("x", maxCreated)} {
		if !creatable(name) {
			t.Errorf("%q is not made", name)
		}
	}
	for _, name := range []string{"", "J?rg", "Jürg", "j doe", "j\u00a0doe", "j\u200bdoe", "аdmin", "o'brien", "<b>", "a/../b", "a:b", "a,b", `a"b`, `a\b`, "a%00b", "-rf", ".htaccess", "@x", "j\xff",
		strings.Repeat("x", maxCreated+1)} {
		if creatable(name) {
			t.Errorf("%q is made", name)
		}
	}
}

// TestSpellings: servers behind the gate take more than one header for
// REAL_UNAME; all but the proper one are refused.
func TestSpellings(t *testing.T) {
	for _, name := range []string{"Real-Uname", "Real.uname", "Real~uname", "REAL_UNAME", "real_uname", "Real'uname"} {
		for _, also := range []http.Header{{}, {unameHeader: {"jdoe"}}} {
			also[name] = []string{"admin"}
			if n, _, err := realUname(also); err == nil || auth.RefusalOf(err).Reason != auth.Malformed {
				t.Errorf("%v: %+v, %v", also, n, err)
			}
		}
	}
	h := http.Header{}
	h.Set("REAL_UNAME", "jdoe")
	h.Set("RealXUname", "x")
	h.Set("Real-Unames", "x")
	h.Set("X-Real-Uname", "x")
	if n, sent, err := realUname(h); n.name != "jdoe" || !sent || err != nil {
		t.Errorf("%+v, %v, %v", n, sent, err)
	}
}

// FuzzUname: three fields at most, none with spaces around it or anything that
// could break a log line.
func FuzzUname(f *testing.F) {
	for _, seed := range []string{"jdoe", "jdoe|j@example.org|John Doe", "charles||", "|||", " a | b | c | d ", "Zo\xeb", "\t", "ü|ü|ü"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		n, err := parseUname(value)
		if err != nil {
			if n != (named{}) {
				t.Fatalf("%q: refused, and %+v", value, n)
			}
			return
		}
		for i, field := range []string{n.name, n.email, n.fullName} {
			if strings.TrimSpace(field) != field || !utf8.ValidString(field) || strings.ContainsFunc(field, unicode.IsControl) || i < 2 && strings.Contains(field, "|") {
				t.Fatalf("%q: %+v", value, n)
			}
		}
		fields := strings.SplitN(value, "|", 3)
		if strings.TrimSpace(fields[0]) != n.name || len(value) > maxUname {
			t.Fatalf("%q: %+v", value, n)
		}
	})
}
