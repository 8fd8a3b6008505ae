package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// asker asks the server: token introspection, RFC 7662.
type asker struct {
	client     *http.Client
	server     string
	id, secret string
	slots      chan struct{}
}

// enter waits for a place among the questions that are asked at once.
func (a *asker) enter(ctx context.Context, patience time.Duration) error {
	select {
	case a.slots <- struct{}{}:
		return nil
	default:
	}
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case a.slots <- struct{}{}:
		return nil
	case <-wait.C:
		return fmt.Errorf("%w: too many questions are asked at once", ErrUnavailable)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

func (a *asker) leave() { <-a.slots }

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 10

// introspect asks whose session a credential opens.
func (a *asker) introspect(ctx context.Context, c *Credential) (*answer, error) {
	form := url.Values{"token": {c.Token}}
	beside := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	// Parameters of Sallyport's own, as RFC 7662 section 2.1 allows. That there is
	// no application key matters for a token that was found in a call.
	if c.App != "" || c.Dialect != "" {
		form.Set("app", c.App)
	}
	if c.Account > 0 {
		form.Set("number", strconv.FormatInt(c.Account, 10))
	}
	beside("code", c.Code)
	beside("user", c.User)
	beside("kind", c.Kind)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.server+"/oauth2/introspect", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	a.identify(r)
	res, err := a.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: asking the server: %w", ErrUnavailable, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: reading the server's answer: %w", ErrUnavailable, err)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: the server answered %s", ErrUnavailable, res.Status)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("%w: the server's answer is too large", ErrUnavailable)
	}
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, fmt.Errorf("%w: the server's answer cannot be read", ErrUnavailable)
	}
	if said.Active && said.Session == 0 {
		return nil, fmt.Errorf("%w: the server is no Sallyport", ErrUnavailable)
	}
	return &said, nil
}

// identify says who asks, encoded as RFC 6749 section 2.3.1 wants it.
func (a *asker) identify(r *http.Request) {
	r.SetBasicAuth(url.QueryEscape(a.id), url.QueryEscape(a.secret))
}

// answer is what introspection says: members of RFC 7662 section 2.2, and of
// Sallyport's own.
type answer struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope"`
	Username string `json:"username"`
	Sub      string `json:"sub"`
	Exp      int64  `json:"exp"`
	Iat      int64  `json:"iat"`
	Act      *actor `json:"act"` // RFC 8693, 4.1

	Session     number   `json:"sallyport_session"`
	Principal   number   `json:"sallyport_principal"`
	Path        []number `json:"sallyport_path"` // accounts, the tenant first
	Dialect     string   `json:"sallyport_dialect"`
	Account     string   `json:"account"`
	AccountPath []string `json:"account_path"`

	// Cache is for how many seconds after the question the answer may be
	// remembered; 0: for no further call.
	Cache float64 `json:"sallyport_cache"`

	// Feed is a position of the feed that the answer counts from.
	Feed *number `json:"sallyport_feed"`
}

type actor struct {
	Sub       string   `json:"sub"`
	Username  string   `json:"username"`
	Principal number   `json:"sallyport_principal"`
	Path      []number `json:"sallyport_path"`
}

// number is an id, as a JSON number or in a string: some read numbers as floats.
type number uint64

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte{'"'}), []byte{'"'})
	u, err := strconv.ParseUint(string(b), 10, 64)
	*n = number(u)
	return err
}

// span is for how long the answer may be remembered: not at all if it does not
// say what to follow.
func (a *answer) span() time.Duration {
	followed := a.Feed != nil && a.Principal != 0 && len(a.Path) > 0
	if !followed || !(a.Cache > 0) {
		return 0
	}
	if a.Cache > maxSpan.Seconds() {
		return maxSpan
	}
	return time.Duration(a.Cache * float64(time.Second))
}

// candidate is what would be remembered of an answer.
func (a *answer) candidate(c *Credential, k key) *candidate {
	s := Session{ID: uint64(a.Session), Dialect: a.Dialect, Account: a.Account, AccountPath: a.AccountPath,
		Subject: a.Username, Scope: a.Scope}
	if s.Subject == "" {
		s.Subject = a.Sub
	}
	if a.Iat > 0 {
		s.Issued = time.Unix(a.Iat, 0).UTC()
	}
	if a.Exp > 0 {
		s.Expires = time.Unix(a.Exp, 0).UTC()
	}
	n := &candidate{entry: &entry{key: k, session: s, coded: c.Code != ""}, session: s.ID, owner: ownerOf(a.Principal, a.Path)}
	if a.Feed != nil {
		n.known = uint64(*a.Feed)
	}
	if a.Act != nil {
		n.entry.session.Actor = a.Act.Username
		if a.Act.Username == "" {
			n.entry.session.Actor = a.Act.Sub
		}
		if a.Act.Principal != 0 { // its session; else it only began the user's own
			n.actor = ownerOf(a.Act.Principal, a.Act.Path)
		}
	}
	return n
}

func ownerOf(id number, path []number) *owner {
	o := &owner{id: uint64(id), path: make([]uint64, len(path))}
	for i, a := range path {
		o.path[i] = uint64(a)
	}
	return o
}
