package electa

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// Definition describes the dialect.
func Definition() dialect.Definition {
	return dialect.Definition{
		Name:   "electa",
		Title:  "Electa Live API 3.0",
		Policy: auth.Policy{Name: "electa-20-minutes", Span: 20 * time.Minute},
		Names:  auth.Limits{Failures: 5, Window: 15 * time.Minute, Lock: 15 * time.Minute},
		// Inferred: account numbers that cannot be read count by address alone, and
		// somebody who tries many numbers is slowed down.
		Addresses: auth.Limits{Failures: 100, Window: 15 * time.Minute, Lock: time.Minute},
		Risks: []dialect.Risk{
			{
				What:   "The application key stands in the URL of the login, where proxies and servers log it.",
				Clause: "OWASP ASVS 5.0, 14.2.1; RFC 9110, 17.9",
				Answer: "Query strings of the login are never logged, replies are no-store, plain HTTP is refused and not redirected, POST is accepted as well.",
			},
			{
				What:   "The token stands in the URL or form of every later call, and reaches browsers at /launch/.",
				Clause: "RFC 9700, 4.3.2; RFC 6750, 5.3",
				Answer: "A token lives 20 minutes, is bound to its account, and can be revoked.",
			},
			{
				What:   "Whoever knows an account's number can lock its login with five wrong keys.",
				Clause: "OWASP ASVS 5.0, 6.1.1",
				Answer: "The lock ends by itself and is not lengthened; tokens that were issued go on working unless lock_blocks_tokens is set.",
			},
		},
		Recipe: dialect.Recipe{
			Login: `curl -sS '{base}/token/?cid={number}&appkey={secret}'`,
			Call:  `curl -sS '{base}/logs/?cid={number}&token={token}&roomid=1000'`,
		},
		New: New,
	}
}

// Options are what a mount may configure.
type Options struct {
	// Token21 also serves API 2.1's /apps/token.asp, with Result=csv or xml.
	Token21 bool `yaml:"token21"`

	// LockedCode and LockedText answer a login while the account is locked. The
	// vendor documents no answer of its own, so that without them it is that of a
	// wrong key.
	LockedCode int    `yaml:"locked_code"`
	LockedText string `yaml:"locked_text"`

	// LockBlocksTokens makes a lock stop the account's tokens as well, as "access
	// is locked" can be read.
	LockBlocksTokens bool `yaml:"lock_blocks_tokens"`
}

// maxText is how long locked_text may be, in bytes.
const maxText = 200

func (o *Options) validate() error {
	if o.LockedCode < 1 || o.LockedCode > 9 {
		return fmt.Errorf("%w: locked_code is %d: must be one digit and not 0, which means success", auth.ErrInvalid, o.LockedCode)
	}
	if len(o.LockedText) == 0 || len(o.LockedText) > maxText {
		return fmt.Errorf("%w: locked_text must have 1 to %d bytes", auth.ErrInvalid, maxText)
	}
	if strings.ContainsRune(o.LockedText, ',') || strings.ContainsFunc(o.LockedText, unprintable) {
		return fmt.Errorf("%w: locked_text cannot hold a comma, at which clients of API 2.1 split, or control characters", auth.ErrInvalid)
	}
	return nil
}

func unprintable(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }

type electa struct {
	service *auth.Service
	mount   *auth.Mount
	token21 bool
	locked  answer
}

// New configures the dialect for a mount. Errors say which option is wrong.
func New(c dialect.Config) (dialect.Dialect, error) {
	o := Options{LockedCode: wrongKey.code, LockedText: wrongKey.text}
	if err := c.Decode(&o); err != nil {
		return nil, err
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	c.Mount.LockBlocksTokens = o.LockBlocksTokens
	return &electa{
		service: c.Service,
		mount:   c.Mount,
		token21: o.Token21,
		locked:  answer{http.StatusOK, o.LockedCode, o.LockedText},
	}, nil
}

// Routes serves the path in any case and with or without the slash: the vendor's
// pages are not consistent in either.
func (e *electa) Routes(m dialect.Mux) {
	m.Handle("/token/", e.token, dialect.FoldCase, dialect.OptionalSlash)
	if e.token21 {
		m.Handle("/apps/token.asp", e.tokenASP, dialect.FoldCase)
	}
}

// token is API 3.0's login: XML and nothing else.
func (e *electa) token(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	e.login(w, r, from, false)
}

// tokenASP is API 2.1's: the client may ask for CSV.
func (e *electa) tokenASP(w http.ResponseWriter, r *http.Request, from auth.Origin) {
	e.login(w, r, from, true)
}

func (e *electa) login(w http.ResponseWriter, r *http.Request, from auth.Origin, mayAskCSV bool) {
	if !dialect.Allowed(w, r, http.MethodGet, http.MethodPost) {
		write(w, wrongMethod, false)
		return
	}
	attempt, csv := e.read(r, from)
	csv = csv && mayAskCSV
	grant, err := e.service.Login(r.Context(), &attempt)
	if err != nil {
		dialect.Note(w, err)
		write(w, e.atLogin(auth.RefusalOf(err).Reason), csv)
		return
	}
	write(w, answer{http.StatusOK, 0, grant.Token}, csv)
}
