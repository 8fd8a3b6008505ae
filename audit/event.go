package audit

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// Kind is what happened.
type Kind string

// The kinds of events. Their names are part of the stored form and never change.
const (
	Login      Kind = "login"      // a session began
	Refusal    Kind = "refusal"    // an attempt was refused
	Lock       Kind = "lock"       // a refusal was one too many, further attempts are refused for a while
	Logout     Kind = "logout"     // the holder ended the session
	Revocation Kind = "revocation" // somebody else ended one or many sessions
	HandOff    Kind = "hand-off"   // a hand-off was issued
	FairUse    Kind = "fair-use"   // a credential logged in more often than it needs to
	Change     Kind = "change"     // an account, key, app, user or policy was created or altered
	Export     Kind = "export"     // an administrator took a copy of the audit
)

// Event is one entry of the audit. Empty fields are left out of its encoding.
type Event struct {
	At      time.Time // microseconds, UTC
	Kind    Kind
	Tenant  string // code of the tenant
	Account string // number of the account, else its code
	Subject string // user name, key name, or what an unknown caller claimed to be (see Claim)
	Actor   string // who acted, where that is not the subject
	Session uint64 // the session's id, 0 if there is none
	Dialect string
	Mount   string
	Source  string // address the attempt came from
	Request string // request id, as in the log
	Reason  string // why, one of the refusal reasons or a short word
	Detail  string // free text for people
	Count   int    // how many sessions a revocation ended, how many logins fair use counted
}

// AppendJSON appends the event as one line of JSON with its newline. The order
// of the members is fixed, so that equal events have equal bytes.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"at":"`...)
	b = e.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z")
	b = append(b, `","kind":`...)
	b = appendString(b, string(e.Kind))
	for _, m := range [...]struct{ name, value string }{
		{"tenant", e.Tenant}, {"account", e.Account}, {"subject", e.Subject}, {"actor", e.Actor},
		{"dialect", e.Dialect}, {"mount", e.Mount}, {"source", e.Source}, {"request", e.Request},
		{"reason", e.Reason}, {"detail", e.Detail},
	} {
		if m.value != "" {
			b = append(b, ',', '"')
			b = append(b, m.name...)
			b = append(b, '"', ':')
			b = appendString(b, m.value)
		}
	}
	if e.Session != 0 {
		// A string, because JSON readers that keep numbers as doubles lose the last digits.
		b = append(b, `,"session":"`...)
		b = strconv.AppendUint(b, e.Session, 10)
		b = append(b, '"')
	}
	if e.Count != 0 {
		b = append(b, `,"count":`...)
		b = strconv.AppendInt(b, int64(e.Count), 10)
	}
	return append(b, '}', '\n')
}

// appendString appends s as a JSON string. Plain ASCII, nearly all there is, is
// copied; the rest takes the library's slower way.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf || c == '<' || c == '>' || c == '&' {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always marshals; invalid UTF-8 becomes U+FFFD
				return append(b, `""`...)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// wire is the decoded form of a line.
type wire struct {
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Tenant  string    `json:"tenant"`
	Account string    `json:"account"`
	Subject string    `json:"subject"`
	Actor   string    `json:"actor"`
	Dialect string    `json:"dialect"`
	Mount   string    `json:"mount"`
	Source  string    `json:"source"`
	Request string    `json:"request"`
	Reason  string    `json:"reason"`
	Detail  string    `json:"detail"`
	Session uint64    `json:"session,string"`
	Count   int       `json:"count"`
}

func (w *wire) event() Event {
	return Event{
		At: w.At, Kind: w.Kind, Tenant: w.Tenant, Account: w.Account, Subject: w.Subject, Actor: w.Actor,
		Session: w.Session, Dialect: w.Dialect, Mount: w.Mount, Source: w.Source, Request: w.Request,
		Reason: w.Reason, Detail: w.Detail, Count: w.Count,
	}
}

// MaxClaim is the longest claimed name that is kept, in bytes.
const MaxClaim = 128

// Claim makes a name that an unknown caller sent fit to be kept: cut to
// [MaxClaim] bytes at a character boundary, control characters replaced.
func Claim(name string) string {
	if len(name) > MaxClaim {
		cut := MaxClaim
		for cut > 0 && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut]
	}
	out := []rune(name)
	clean := true
	for i, r := range out {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || (r >= 0x80 && r < 0xa0) || r == 0x2028 || r == 0x2029 {
			out[i], clean = '?', false
		}
	}
	if clean {
		return name
	}
	return string(out)
}
