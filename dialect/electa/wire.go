package electa

import (
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// read makes an attempt of CID and AppKey, as classic ASP looks them up: names in
// any case, the query before the form. What is missing, repeated or cannot be
// read is left empty, so that the core judges and counts it like a wrong key
// (inferred: the vendor has no other answer). csv says whether Result asks for
// that, which only API 2.1 heeds.
func (e *electa) read(r *http.Request, from auth.Origin) (a auth.Attempt, csv bool) {
	a = auth.Attempt{Mount: e.mount, Scheme: auth.AccountKey, Form: auth.FormGUID, Origin: from}
	p, err := dialect.ReadParams(r, true)
	if err != nil {
		return a, false
	}
	if cid, err := p.Get("cid"); err == nil {
		a.Number = number(cid)
	}
	if key, err := p.Get("appkey"); err == nil {
		a.Secret = key
	}
	result, err := p.Get("result")
	return a, err == nil && strings.EqualFold(result, "csv")
}

// number is an account number as clients write it, 0 for anything else: digits
// alone, few enough for 63 bits.
func number(s string) int64 {
	if len(s) == 0 || len(s) > 18 {
		return 0
	}
	var n int64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n
}

// The document that carries every answer. Clients in the field take 36 characters
// at byte 92 instead of parsing it: no byte order mark, no line break, a code of
// one digit.
const (
	beforeCode = `<?xml version="1.0" encoding="UTF-8"?><Response><ResponseCode>`
	beforeData = `</ResponseCode><ResponseData>`
	afterData  = `</ResponseData></Response>`
)

// write writes an answer as XML or, for API 2.1, as code and data with a comma
// between and no line break after: clients do not trim the token.
func write(w http.ResponseWriter, a answer, csv bool) {
	b := make([]byte, 0, 256)
	code := byte('0' + a.code)
	if csv {
		b = append(append(b, code, ','), a.text...)
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	} else {
		b = append(append(b, beforeCode...), code)
		b = append(append(b, beforeData...), escaped(a.text)...)
		b = append(b, afterData...)
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(b)
}

// escaped escapes for XML what is not a token or one of the vendor's texts.
func escaped(s string) string {
	if !strings.ContainsAny(s, `<>&"'`) {
		return s
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}
