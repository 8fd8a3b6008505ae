package console

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/auth"
)

// factorPage is the enrolment of a second factor.
type factorPage struct {
	Has      bool // it is enrolled already
	Required bool
	Key      string // in groups, to be typed
	QR       template.HTML
	Sealed   string // the key, as the form carries it back
	Failed   string
}

// factor shows a new key and takes the code that proves that it is in an app. The key
// is kept nowhere until then: the form carries it, sealed for this session.
func (v *visit) factor() error {
	p := &factorPage{Required: v.lacksFactor(), Has: v.by.HasFactor}
	if p.Has && v.r.Method != http.MethodPost {
		v.show(http.StatusOK, "factor", "Second factor", p)
		return nil
	}
	var key string
	status := http.StatusOK
	if v.r.Method == http.MethodPost {
		mark, rest, ok := v.openKey(v.r.PostForm.Get("key"))
		if !ok || mark != v.session {
			return errForeign
		}
		key = rest
		code := strings.Join(strings.Fields(v.r.PostForm.Get("code")), "")
		err := v.admin.EnrolFactor(v.r.Context(), v.by, v.peer.Origin, admin.FactorEnrolment{Key: key, Code: code, Session: v.session})
		if err == nil {
			return v.see("/?did=factor")
		}
		if !errors.Is(err, auth.ErrInvalid) {
			return err
		}
		status, p.Failed = http.StatusUnprocessableEntity, "That is not the code that the app shows now. Is the clock of the phone right?"
	} else {
		key = auth.NewFactor()
	}
	if err := v.fillFactor(p, key); err != nil {
		return err
	}
	v.show(status, "factor", "Second factor", p)
	return nil
}

func (v *visit) fillFactor(p *factorPage, key string) (err error) {
	p.Sealed = v.factors.Seal(strconv.FormatUint(uint64(v.session), 10) + " " + key)
	p.Key = grouped(key)
	p.QR, err = drawn(auth.FactorAddress("Sallyport", v.by.Subject, key))
	return err
}

// openKey reads a key as the form carried it back, and of which session the form was.
func (v *visit) openKey(sealed string) (of auth.SessionID, key string, ok bool) {
	plain, ok := v.factors.Open(sealed)
	session, key, cut := strings.Cut(plain, " ")
	n, err := strconv.ParseUint(session, 10, 64)
	return auth.SessionID(n), key, ok && cut && err == nil
}

// grouped writes a key in groups of four.
func grouped(key string) string {
	var b strings.Builder
	for i, r := range key {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// drawn is a text as a QR code, drawn as one path of SVG: no image has to be loaded.
func drawn(text string) (template.HTML, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("drawing a QR code: %w", err)
	}
	const quiet = 4 // modules around it, ISO/IEC 18004
	size := code.Size + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="QR code with the key below, for an authenticator app"><rect class="qr-paper" width="%d" height="%d"/><path d="`, size, size, size, size)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil //nolint:gosec // numbers alone
}
