package audit_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/audit"
)

func TestEventLine(t *testing.T) {
	e := audit.Event{At: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 3600)), Kind: audit.Login,
		Tenant: "ACME", Account: "123456", Subject: `a"b<é`, Session: 1<<63 - 1, Dialect: "electa", Source: "192.0.2.1", Count: 2}
	const want = `{"at":"2026-01-02T02:04:05.678901Z","kind":"login","tenant":"ACME","account":"123456","subject":"a\"b\u003cé",` +
		`"dialect":"electa","source":"192.0.2.1","session":"9223372036854775807","count":2}` + "\n"
	if got := string(e.AppendJSON(nil)); got != want {
		t.Errorf("line is\n%s want\n%s", got, want)
	}
}

// What goes in comes out, whatever an outsider claims to be called.
func TestEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string { return strings.ToValidUTF8(rapid.String().Draw(t, "text"), "?") })
		e := audit.Event{At: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "at")).UTC(), Kind: audit.Refusal,
			Tenant: text.Draw(t, "tenant"), Account: text.Draw(t, "account"), Subject: text.Draw(t, "subject"),
			Actor: text.Draw(t, "actor"), Dialect: text.Draw(t, "dialect"), Mount: text.Draw(t, "mount"),
			Source: text.Draw(t, "source"), Request: text.Draw(t, "request"), Reason: text.Draw(t, "reason"),
			Detail: text.Draw(t, "detail"), Session: rapid.Uint64().Draw(t, "session"), Count: rapid.Int().Draw(t, "count")}
		b := audit.Batch{Count: 2, Body: e.AppendJSON(e.AppendJSON(nil))}
		events, err := b.Events()
		if err != nil {
			t.Fatal(err)
		}
		if len(events) != 2 || events[0] != e || events[1] != e {
			t.Fatalf("got %+v, want twice %+v", events, e)
		}
	})
}

func TestChainBreaksWhereItWasTouched(t *testing.T) {
	var batches []audit.Batch
	var chain [32]byte
	for i := range 5 {
		body := (&audit.Event{Kind: audit.Login, Session: uint64(i + 1)}).AppendJSON(nil)
		chain = audit.Link(chain, body)
		batches = append(batches, audit.Batch{Seq: uint64(i + 1), Count: 1, Body: body, Chain: chain})
	}
	verify := func() (broken uint64) {
		for i := 1; i < len(batches); i++ {
			if err := audit.Verify(&batches[i-1], &batches[i]); err != nil {
				if !errors.Is(err, audit.ErrBroken) {
					t.Fatalf("%v does not wrap ErrBroken", err)
				}
				return batches[i].Seq
			}
		}
		return 0
	}
	if at := verify(); at != 0 {
		t.Fatalf("an untouched chain is broken at %d", at)
	}
	saved := batches[2]
	batches[2].Body = []byte(strings.Replace(string(saved.Body), "3", "7", 1))
	if at := verify(); at != 3 {
		t.Errorf("altered batch 3, broken at %d", at)
	}
	batches[2] = saved
	batches = append(batches[:2], batches[3:]...)
	if at := verify(); at != 4 {
		t.Errorf("removed batch 3, broken at %d", at)
	}
}

func TestClaim(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"jdoe":                   "jdoe",
		"a\r\nINFO forged":       "a??INFO forged",
		"x\x1b[31m":              "x?[31m",
		"\xff\xfe":               "??",
		"u\u2028v\u0085":         "u?v?",
		strings.Repeat("é", 100): strings.Repeat("é", 64),
	} {
		if got := audit.Claim(in); got != want {
			t.Errorf("Claim(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClaim(f *testing.F) {
	f.Add("jdoe")
	f.Add("a\x00\xffb")
	f.Fuzz(func(t *testing.T, name string) {
		got := audit.Claim(name)
		if len(got) > 3*audit.MaxClaim || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b") {
			t.Errorf("Claim(%q) = %q", name, got)
		}
	})
}
