package edubrite

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// desk is a server with an API session.
type desk struct {
	*testing.T
	*dialecttest.Server
	api string // Cookie header
}

func newDesk(t *testing.T, options string) *desk {
	d := &desk{T: t, Server: dialecttest.Serve(t, dialecttest.Setup{Definition: Definition(), Options: options, Accounts: dialecttest.EduBriteAccounts})}
	c := client()
	r := d.Send(c.Login(c.Good))
	if d.api = cookieHeader(r); d.api == "" {
		t.Fatalf("the login is answered\n%s", r.Raw)
	}
	return d
}

func cookieHeader(r dialecttest.Reply) string {
	id, info := cookiesOf(r)
	if info == "" {
		return ""
	}
	return "Cookie: SESSION_ID=" + id + "; SESSION_INFO=" + info + "\r\n"
}

// handOff is the query that signs a user in.
func (d *desk) handOff(user string) string {
	d.Helper()
	r := d.Send(get("signinService.do?dispatch=createSessionApi", d.api+"REAL_UNAME: "+user+"\r\n"))
	m := regexp.MustCompile(`(?s)<sessionId><!\[CDATA\[([^\]]*)\]\]>.*<sessionInfo><!\[CDATA\[([^\]]*)\]\]>`).FindStringSubmatch(r.Body)
	if m == nil {
		d.Fatalf("createSessionApi is answered\n%s", r.Raw)
	}
	return "sessionId=" + m[1] + "&sInfo=" + m[2]
}

func (d *desk) status(raw string) int {
	d.Helper()
	return d.Send(raw).Status
}

func (d *desk) change(user string, f func(*auth.User)) {
	d.Helper()
	err := d.Service().Update(d.Context(), func(tx auth.Tx) error {
		users, err := tx.UsersByName(user, 2)
		if err != nil || len(users) != 1 {
			return fmt.Errorf("%d users are called %s: %w", len(users), user, err)
		}
		f(&users[0])
		return tx.PutUser(&users[0])
	})
	if err != nil {
		d.Fatal(err)
	}
}

// However many browsers race for a hand-off, one gets a session.
func TestHandOffIsRedeemedOnce(t *testing.T) {
	d := newDesk(t, "")
	for _, page := range []string{"index.do", "coursePlayer.do"} {
		query := d.handOff("charles")
		const browsers = 24
		replies := make([]dialecttest.Reply, browsers)
		var all sync.WaitGroup
		for i := range browsers {
			all.Go(func() { replies[i] = d.Send(get(page+"?"+query, "")) })
		}
		all.Wait()
		signedIn := 0
		for _, r := range replies {
			to := r.Header.Get("Location")
			if cookie := cookieHeader(r); cookie != "" {
				signedIn++
				if d.status(get("index.do", cookie)) != http.StatusOK || to != page {
					t.Errorf("%s: the session that began opens nothing, or at %q", page, to)
				}
			} else if to != "signin.do" || len(r.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s: refused with\n%s", page, r.Raw)
			}
		}
		if signedIn != 1 {
			t.Errorf("%s: %d of %d browsers are signed in", page, signedIn, browsers)
		}
	}
}

// TestHandOffIsNoCookie: what stands in the URL is neither of the cookies.
func TestHandOffIsNoCookie(t *testing.T) {
	d := newDesk(t, "")
	query := d.handOff("charles")
	r := d.Send(get("index.do?"+query, ""))
	v, _ := url.ParseQuery(query)
	for _, s := range []string{v.Get(idParam), v.Get(infoParam)} {
		if s == "" || strings.Contains(r.Raw, s) || strings.Contains(d.api, s) {
			t.Errorf("%q is in\n%s", s, r.Raw)
		}
	}
	text, _ := d.Log()
	for _, s := range []string{v.Get(idParam), v.Get(infoParam), "charles"} {
		if strings.Contains(text, s) {
			t.Errorf("the log holds %q", s)
		}
	}
}

// TestDeactivatedUser: browser sessions and hand-offs of the user end, the API
// session goes on.
func TestDeactivatedUser(t *testing.T) {
	d := newDesk(t, "")
	browser := cookieHeader(d.Send(get("index.do?"+d.handOff("charles"), "")))
	waiting := d.handOff("charles")
	d.change("charles", func(u *auth.User) { u.Active = false })
	for what, c := range map[string]struct {
		raw  string
		want int
	}{
		"the browser":             {get("index.do", browser), http.StatusUnauthorized},
		"the API, for the user":   {get("userService.do", d.api+"REAL_UNAME: charles\r\n"), http.StatusNotFound},
		"a new hand-off":          {get("signinService.do?dispatch=createSessionApi", d.api+"REAL_UNAME: charles\r\n"), http.StatusNotFound},
		"the API, for another":    {get("userService.do", d.api+"REAL_UNAME: admin\r\n"), http.StatusOK},
		"the hand-off of before":  {get("index.do?"+waiting, ""), http.StatusFound},
		"somebody who never was ": {get("userService.do", d.api+"REAL_UNAME: nobody\r\n"), http.StatusUnauthorized},
	} {
		if got := d.status(c.raw); got != c.want {
			t.Errorf("%s is answered %d, want %d", what, got, c.want)
		}
	}
	if r := d.Send(get("index.do?"+waiting, "")); r.Header.Get("Location") != "signin.do" || cookieHeader(r) != "" {
		t.Errorf("the hand-off of before is answered\n%s", r.Raw)
	}
}

// TestDeactivatedAPIUser: its session ends, and nobody is signed in any more.
func TestDeactivatedAPIUser(t *testing.T) {
	d := newDesk(t, "")
	d.change(dialecttest.EduBriteUser, func(u *auth.User) { u.Active = false })
	for _, page := range []string{"userService.do", "signinService.do?dispatch=createSessionApi"} {
		if got := d.status(get(page, d.api+"REAL_UNAME: charles\r\n")); got != http.StatusUnauthorized {
			t.Errorf("%s is answered %d", page, got)
		}
	}
}

// TestAudit: who signed whom in, and which users came into being by it.
func TestAudit(t *testing.T) {
	d := newDesk(t, "auto_create_users: true\n")
	d.Send(get("index.do?"+d.handOff("frank|frank@example.org|Frank Doe"), ""))
	d.Send(get("index.do?"+d.handOff("charles"), ""))
	var got []string
	for _, e := range d.Audit() {
		got = append(got, strings.Join([]string{string(e.Kind), e.Subject, "by", e.Actor, e.Reason}, " "))
		if e.Dialect != "edubrite" || e.Source == "" || e.Request == "" || e.Tenant != "EDUBRITE" || !e.At.Equal(dialecttest.Start) {
			t.Errorf("recorded is %+v", e)
		}
	}
	api := dialecttest.EduBriteUser
	want := []string{
		string(audit.Login) + " " + api + " by  ",
		string(audit.Change) + " frank by EDUBRITE/" + api + " act-as", string(audit.HandOff) + " frank by EDUBRITE/" + api + " ", string(audit.Login) + " frank by  hand-off",
		string(audit.HandOff) + " charles by EDUBRITE/" + api + " ", string(audit.Login) + " charles by  hand-off",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("recorded is\n%s", strings.Join(got, "\n"))
	}
}

// TestCapHolds: of logins that race no more begin than there is room for.
func TestCapHolds(t *testing.T) {
	d := newDesk(t, "max_sessions: 4\n")
	c := client()
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() { d.Send(c.Login(c.Good)) })
	}
	all.Wait()
	if n := d.Minted(); n != 4 {
		t.Errorf("%d sessions began", n)
	}
}
