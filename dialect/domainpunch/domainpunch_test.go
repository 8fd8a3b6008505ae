package domainpunch

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/dialecttest"
)

// The users that the transcripts speak of. All secrets are made up.
const (
	admin    = "setup-admin"
	viewer   = "viewer"
	gone     = "gone"      // inactive
	factor   = "two-steps" // of group mfa
	password = "demo-password"
)

// accounts creates the users. setup-admin is the third, as in the vendor's sample.
func accounts(t testing.TB, s *auth.Service) {
	t.Helper()
	hashing.Do(func() { hashing.hash, hashing.err = s.Hasher().Hash(t.Context(), password) })
	if hashing.err != nil {
		t.Fatal(hashing.err)
	}
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		tenant := auth.Account{Level: auth.Tenant, Code: "DOMAINPUNCH"}
		if err := tx.PutAccount(&tenant); err != nil {
			return err
		}
		for _, u := range []auth.User{
			{Name: viewer, Active: true, Admin: true, Group: "Köln/\"ops\"", FullName: "Vera \U0001F600", DisplayName: "V\\V"},
			{Name: gone},
			{Name: admin, Active: true, DisplayName: "Setup Admin @ Example Inc", Rights: 1009},
			{Name: factor, Active: true, Group: "mfa"},
		} {
			u.Tenant, u.Account, u.Password = tenant.ID, tenant.ID, hashing.hash
			if err := tx.PutUser(&u); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("creating users: %v", err)
	}
}

// hashing is done once: it is slow on purpose.
var hashing struct {
	sync.Once
	hash string
	err  error
}

func setup(options string) dialecttest.Setup {
	return dialecttest.Setup{Definition: Definition(), Options: options, Accounts: accounts}
}

func TestTranscripts(t *testing.T) {
	dialecttest.RunTranscripts(t, Definition(), "testdata", accounts)
}

const host = " HTTP/1.1\r\nHost: wmd.example.com\r\n"

func get(target, headers string) string { return "GET " + target + host + headers + "\r\n" }

func post(target, headers, contentType, body string) string {
	return fmt.Sprintf("POST %s%sContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s", target, host, contentType, len(body), headers, body)
}

func pair(c dialecttest.Credential) string {
	return "user=" + url.QueryEscape(c.Name) + "&pass=" + url.QueryEscape(c.Secret)
}

// answered is a login's body as a client decodes it.
type answered struct{ Status, User, Error, Etoken, URL, LastSignIn string }

func decode(t testing.TB, r dialecttest.Reply) (a answered) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil {
		t.Fatalf("%v in\n%s", err, r.Raw)
	}
	return a
}

// sessionOf is the cookie's value, cut out of the reply the way a cookie jar does.
func sessionOf(r dialecttest.Reply) string {
	lines := r.Header.Values("Set-Cookie")
	if len(lines) != 1 || !strings.HasPrefix(r.Body, `{"status":"ok",`) {
		return ""
	}
	value, attributes, _ := strings.Cut(strings.TrimPrefix(lines[0], "PHPSESSID="), ";")
	if attributes != " Path=/; HttpOnly; Secure; SameSite=Lax" {
		return ""
	}
	return value
}

func cookie(session string) string { return "Cookie: PHPSESSID=" + session + "\r\n" }

func call(session string) string {
	return get("/api.php?c=set&t=domain&oper=parse&id=191", cookie(session))
}

func client() dialecttest.Client {
	good := dialecttest.Credential{Name: admin, Secret: password}
	other := dialecttest.Credential{Name: viewer, Secret: password}
	in := pair(good)
	login := "/api.php?c=auth"
	return dialecttest.Client{
		Good:  good,
		Other: other,
		// Each of these is the first failure of its name.
		Equals: []dialecttest.Credential{
			{Name: "nobody", Secret: password},
			{Name: "Setup-Admin", Secret: password},
			{Name: admin + " ", Secret: password},
			{Name: strings.Repeat("x", 2000), Secret: password},
			{Name: gone, Secret: "wrong"},
			{Name: viewer, Secret: " " + password},
		},
		Login: func(c dialecttest.Credential) string { return get(login+"&"+pair(c), "") },
		Token: sessionOf,
		Call:  func(session string, _ dialecttest.Credential) string { return call(session) },
		Bad: map[string]string{
			"user twice":            get(login+"&"+in+"&user="+admin, ""),
			"pass twice":            get(login+"&"+in+"&pass=x", ""),
			"c twice":               get(login+"&c=set&"+in, ""),
			"c twice, login second": get("/api.php?c=set&c=auth&"+in, ""),
			"name twice":            get(login+"&name=a&name=a&"+in, ""),
			"c in query and form":   post(login+"&"+in, "", dialect.FormType, "c=set"),
			"pass in both, unequal": post(login+"&"+in, "", dialect.FormType, "pass=x"),
			"user in both, unequal": post(login+"&"+in, "", dialect.FormType, "user=x"),
			"pass twice in a form":  post(login, "", dialect.FormType, in+"&pass=x"),
			"bad encoding":          get(login+"&"+in+"&x=%zz", ""),
			"not UTF-8":             get(login+"&"+in+"&x=%ff", ""),
			"too many parameters":   get(login+"&"+in+strings.Repeat("&a=b", dialect.MaxParams), ""),
			"endless query":         get(login+"&"+in+"&x="+strings.Repeat("x", dialect.MaxQuery), ""),
			"oversize form":         post(login, "", dialect.FormType, in+"&x="+strings.Repeat("x", dialect.DefaultMaxBody)),
			"foreign charset":       post(login, "", dialect.FormType+"; charset=utf-16", in),
			"cut multipart":         post(login, "", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=user\r\n\r\n"+admin),
			"JSON":                  post(login, "", "application/json", `{"user":"`+admin+`","pass":"`+password+`"}`),
			"an array of passwords": get(login+"&user="+admin+"&pass[]="+password, ""),
			"upper-case names":      get(login+"&User="+admin+"&Pass="+password, ""),
			"upper-case command":    get("/api.php?c=AUTH&"+in, ""),
			"name beside user":      get(login+"&name=other&"+in, ""),
			"from another site":     get(login+"&"+in, "Sec-Fetch-Site: cross-site\r\n"),
		},
	}
}

// fixedSpan makes the idle span as long as the absolute one, as the laws want it.
func fixedSpan(m *auth.Mount) { m.Policy.Idle = 0 }

func TestLaws(t *testing.T) {
	s := setup("")
	s.Adjust = fixedSpan
	if testing.Short() { // each guess costs a hash
		s.Adjust = func(m *auth.Mount) { fixedSpan(m); m.Names.Failures = 3 }
	}
	dialecttest.Laws(t, s, client())
}

func TestLawsWithEveryOption(t *testing.T) {
	if testing.Short() {
		t.Skip("the laws hold without the options; with them they are tried at full speed")
	}
	c := client()
	for what, raw := range c.Bad {
		c.Bad[what] = strings.Replace(raw, "/api.php", "/api-sl.php", 1)
	}
	c.Login = func(c dialecttest.Credential) string {
		return post("/api-sl.php?c=auth", "", dialect.FormType, "name="+url.QueryEscape(c.Name)+"&pass="+url.QueryEscape(c.Secret)+"&c=auth")
	}
	c.Token = func(r dialecttest.Reply) string {
		return sessionOf(dialecttest.Reply{Body: r.Body, Header: map[string][]string{
			"Set-Cookie": {strings.Replace(r.Header.Get("Set-Cookie"), "wmd-sid=", "PHPSESSID=", 1)}}})
	}
	c.Call = func(session string, _ dialecttest.Credential) string {
		return post("/api-sl.php", "Cookie: x=y; wmd-sid="+session+"\r\n", "multipart/form-data; boundary=x", "--x--")
	}
	s := setup("cookie: wmd-sid\nurl: https://wmd.example.com/\nhttp_401: true\netoken_expiry: 60\netoken_once: true\nserver_id: node\nsecond_factor_groups: [mfa]\nlock_blocks_tokens: true\n")
	s.Adjust = func(m *auth.Mount) { fixedSpan(m); m.Names.Failures = 3 }
	dialecttest.Laws(t, s, c)
}

// login logs setup-admin in at api.php.
func login(t *testing.T, s *dialecttest.Server) (session, etoken string) {
	t.Helper()
	reply := s.Send(client().Login(client().Good))
	session, etoken = sessionOf(reply), decode(t, reply).Etoken
	if session == "" || etoken == "" {
		t.Fatalf("the login is answered\n%s", reply.Raw)
	}
	return session, etoken
}

// secure is a call at api-sl.php with an etoken.
func secure(etoken string) string {
	return get("/api-sl.php?c=set&t=domain&oper=parse&id=191", "Authorization: Bearer "+etoken+"\r\n")
}

func lastOutcome(s *dialecttest.Server) string {
	_, lines := s.Log()
	return lines[len(lines)-1].Outcome
}

// TestEtokenWindow turns the clock to each side of the window's ends, at two
// places in a second.
func TestEtokenWindow(t *testing.T) {
	for _, c := range []struct {
		began  time.Duration // after a full second
		after  time.Duration
		passes bool
	}{
		{0, 0, true}, {0, 2 * time.Second, true}, {0, 3*time.Second - time.Nanosecond, true}, {0, 3 * time.Second, false},
		{900 * time.Millisecond, 2099 * time.Millisecond, true}, {900 * time.Millisecond, 2100 * time.Millisecond, false},
		{0, time.Hour, false},
		{0, -time.Nanosecond, false}, // from the future: the clock was set back
	} {
		s := dialecttest.Serve(t, setup(""))
		s.Advance(c.began)
		_, etoken := login(t, s)
		s.Advance(c.after)
		s.Send(secure(etoken))
		if got := lastOutcome(s); (got == "ok") != c.passes {
			t.Errorf("issued %v after the second, %v later: %s", c.began, c.after, got)
		}
	}
}

// TestEtokenDiesWithItsSession, whatever the window says.
func TestEtokenDiesWithItsSession(t *testing.T) {
	for name, end := range map[string]func(*dialecttest.Server, string){
		"logout": func(s *dialecttest.Server, session string) { s.Send(get("/api.php?c=auth&logout", cookie(session))) },
		"login afresh": func(s *dialecttest.Server, session string) {
			s.Send(strings.Replace(client().Login(client().Good), "\r\n", "\r\n"+cookie(session), 1))
		},
		"revocation": func(s *dialecttest.Server, _ string) {
			if _, err := s.Service().Revoke(t.Context(), auth.Revocation{Session: auth.SessionID(s.Audit()[0].Session), Actor: "test"}); err != nil {
				t.Error(err)
			}
		},
		"deactivation": func(s *dialecttest.Server, _ string) {
			err := s.Service().Update(t.Context(), func(tx auth.Tx) error {
				account, err := tx.AccountByCode(0, "DOMAINPUNCH")
				if err != nil {
					return err
				}
				u, err := tx.UserByName(account.ID, admin)
				if err != nil {
					return err
				}
				u.Active = false
				return tx.PutUser(&u)
			})
			if err != nil {
				t.Error(err)
			}
		},
		"idleness": func(s *dialecttest.Server, _ string) { s.Advance(1440 * time.Second) },
		"a lock, if so configured": func(s *dialecttest.Server, _ string) {
			for range 6 {
				s.Send(client().Login(dialecttest.Credential{Name: admin, Secret: "wrong"}))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dialecttest.Serve(t, setup("etoken_expiry: 86400\nlock_blocks_tokens: true\n"))
			session, etoken := login(t, s)
			if s.Send(secure(etoken)); lastOutcome(s) != "ok" {
				t.Fatalf("refused before: %s", lastOutcome(s))
			}
			end(s, session)
			reply := s.Send(secure(etoken))
			if lastOutcome(s) == "ok" {
				t.Errorf("passes after:\n%s", reply.Raw)
			}
		})
	}
}

// TestEtokenOnce: of many that race with one token, one passes.
func TestEtokenOnce(t *testing.T) {
	s := dialecttest.Serve(t, setup("etoken_once: true\n"))
	_, etoken := login(t, s)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { s.Send(secure(etoken)) })
	}
	all.Wait()
	_, lines := s.Log()
	passed := 0
	for _, l := range lines[1:] {
		if l.Outcome == "ok" {
			passed++
		}
	}
	if passed != 1 || len(lines) != 21 {
		t.Errorf("%d of %d passed", passed, len(lines)-1)
	}
	_, fresh := login(t, s)
	if s.Send(secure(fresh)); lastOutcome(s) != "ok" {
		t.Errorf("another token is refused: %s", lastOutcome(s))
	}
}

// TestEtokenOverRotationAndRestart: it is good wherever its session is.
func TestEtokenOverRotationAndRestart(t *testing.T) {
	s := dialecttest.Serve(t, setup(""))
	_, etoken := login(t, s)
	rotated, err := s.Service().Keys().Rotate()
	if err != nil {
		t.Fatal(err)
	}
	s.Service().SetKeys(rotated)
	if s.Send(secure(etoken)); lastOutcome(s) != "ok" {
		t.Errorf("after a rotation: %s", lastOutcome(s))
	}
	_, etoken = login(t, s)
	if s.Send(secure(etoken)); lastOutcome(s) != "ok" {
		t.Errorf("made after a rotation: %s", lastOutcome(s))
	}
	s = dialecttest.Serve(t, setup(""))
	_, etoken = login(t, s)
	s.Restart()
	if s.Send(secure(etoken)); lastOutcome(s) != "ok" {
		t.Errorf("after a restart: %s", lastOutcome(s))
	}
}

// TestIdleSpan: each call moves the end, an etoken's too, and none moves the cap.
func TestIdleSpan(t *testing.T) {
	s := dialecttest.Serve(t, setup("etoken_expiry: 86400\n"))
	session, etoken := login(t, s)
	for passed := time.Duration(0); passed < 12*time.Hour; passed += 1439 * time.Second {
		raw := call(session)
		if passed%2 == 0 {
			raw = secure(etoken)
		}
		if s.Send(raw); lastOutcome(s) != "ok" {
			t.Fatalf("after %v: %s", passed, lastOutcome(s))
		}
		s.Advance(1439 * time.Second)
	}
	if s.Send(call(session)); lastOutcome(s) == "ok" {
		t.Error("lives beyond twelve hours")
	}
	session, _ = login(t, s)
	s.Advance(1440*time.Second - time.Nanosecond)
	if s.Send(call(session)); lastOutcome(s) != "ok" {
		t.Errorf("idle for one nanosecond less than allowed: %s", lastOutcome(s))
	}
	s.Advance(1440 * time.Second)
	if s.Send(call(session)); lastOutcome(s) == "ok" {
		t.Error("idle for 1440 s and alive")
	}
}

// TestIncompleteIsNotCounted: what lacks a name or password is no guess, however
// often it is sent.
func TestIncompleteIsNotCounted(t *testing.T) {
	s := dialecttest.Serve(t, setup(""))
	wrong := client().Login(dialecttest.Credential{Name: admin, Secret: "wrong"})
	s.Send(wrong)
	for _, query := range []string{"&user=" + admin, "&user=" + admin + "&pass=", "&user=&pass=x", "&pass=x", "", "&user[]=" + admin + "&pass=x"} {
		for range 10 {
			reply := s.Send(get("/api.php?c=auth"+query, ""))
			n := "0"
			if strings.HasPrefix(query, "&user="+admin) {
				n = "1"
			}
			if want := `{"status":"notok","user":"","group":"","error":"Invalid name or password (` + n + `\/6)"}`; reply.Body != want || lastOutcome(s) != string(auth.BadCredentials) {
				t.Fatalf("%q is answered %s (%s)", query, reply.Body, lastOutcome(s))
			}
		}
	}
	if reply := s.Send(wrong); !strings.Contains(reply.Body, `(2\/6)`) {
		t.Errorf("the second wrong password is answered %s", reply.Body)
	}
}

// TestOldSession: a failed login ends nothing, a successful one ends what it came
// with and nothing else.
func TestOldSession(t *testing.T) {
	s := dialecttest.Serve(t, setup(""))
	with := func(c dialecttest.Credential, headers string) string {
		return get("/api-sl.php?c=auth&"+pair(c), headers)
	}
	good := client().Good
	bystander, _ := login(t, s)
	first, _ := login(t, s)
	s.Send(with(dialecttest.Credential{Name: admin, Secret: "wrong"}, cookie(first)))
	if s.Send(call(first)); lastOutcome(s) != "ok" {
		t.Fatalf("a failed login ended the session: %s", lastOutcome(s))
	}
	reply := s.Send(with(good, cookie(first)))
	second := sessionOf(reply)
	if s.Send(call(first)); second == "" || lastOutcome(s) == "ok" {
		t.Fatal("a new login left the old session")
	}
	// By its etoken, too.
	third := sessionOf(s.Send(with(good, "Authorization: Bearer "+decode(t, reply).Etoken+"\r\n")))
	if s.Send(call(second)); third == "" || lastOutcome(s) == "ok" {
		t.Fatal("a new login left the old session that its etoken stood for")
	}
	// What opens nothing hinders nothing.
	for _, headers := range []string{"Authorization: Bearer nonsense\r\n", cookie("nonsense"), cookie(first), "Cookie: PHPSESSID=a; PHPSESSID=b\r\n"} {
		if sessionOf(s.Send(with(good, headers))) == "" {
			t.Errorf("with %q the login is refused: %s", headers, lastOutcome(s))
		}
	}
	if s.Send(call(bystander)); lastOutcome(s) != "ok" {
		t.Error("somebody else's session was ended")
	}
	if s.Send(call(third)); lastOutcome(s) != "ok" {
		t.Error("the last session was ended")
	}
}

// TestSecondFactor: the password alone is not enough, and no session is left.
func TestSecondFactor(t *testing.T) {
	s := dialecttest.Serve(t, setup("second_factor_groups: [mfa]\n"))
	held, _ := login(t, s)
	reply := s.Send(strings.Replace(client().Login(dialecttest.Credential{Name: factor, Secret: password}), "\r\n", "\r\n"+cookie(held), 1))
	if reply.Body != `{"status":"notok","user":"","group":"","error":"A second factor is required"}` || len(reply.Header.Values("Set-Cookie")) != 0 {
		t.Errorf("answered\n%s", reply.Raw)
	}
	ended := 0
	for _, e := range s.Audit() {
		if e.Kind == audit.Logout && e.Subject == factor {
			ended++
		}
	}
	if lastOutcome(s) != string(auth.Inactive) || s.Minted() != 2 || ended != 1 {
		t.Errorf("the outcome is %s, %d sessions began, %d of the user's ended", lastOutcome(s), s.Minted(), ended)
	}
	if s.Send(call(held)); lastOutcome(s) != "ok" {
		t.Error("the refused login ended a session")
	}
}

func TestOptions(t *testing.T) {
	good := Options{Cookie: "PHPSESSID", EtokenExpiry: 2, ServerID: "master"}
	for name, change := range map[string]func(*Options){
		"":                       func(*Options) {},
		"no cookie":              func(o *Options) { o.Cookie = "" },
		"a cookie of digits":     func(o *Options) { o.Cookie = "12" },
		"a cookie with more":     func(o *Options) { o.Cookie = "a;b" },
		"an endless cookie":      func(o *Options) { o.Cookie = strings.Repeat("a", maxCookie+1) },
		"no expiry":              func(o *Options) { o.EtokenExpiry = 0 },
		"endless expiry":         func(o *Options) { o.EtokenExpiry = maxExpiry + 1 },
		"no server":              func(o *Options) { o.ServerID = "" },
		"a server of two fields": func(o *Options) { o.ServerID = "a;b" },
		"an endless server":      func(o *Options) { o.ServerID = strings.Repeat("a", maxServerID+1) },
		"a server with a space":  func(o *Options) { o.ServerID = "a b" },
		"plain HTTP":             func(o *Options) { o.URL = "http://x/" },
		"no slash at the end":    func(o *Options) { o.URL = "https://x/y" },
		"no host":                func(o *Options) { o.URL = "https:///y/" },
		"a query":                func(o *Options) { o.URL = "https://x/?y/" },
		"a user":                 func(o *Options) { o.URL = "https://u@x/" },
		"no URL":                 func(o *Options) { o.URL = "%/" },
		"a group without a name": func(o *Options) { o.SecondFactorGroups = []string{"a", ""} },
	} {
		o := good
		change(&o)
		d := Definition()
		m := d.Mount("m", "")
		_, err := New(dialect.Config{Mount: m, Options: func(into any) error { *into.(*Options) = o; return nil }})
		if (name == "") != (err == nil) || (err != nil && !errors.Is(err, auth.ErrInvalid)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wrong := errors.New("unknown field")
	d := Definition()
	if _, err := New(dialect.Config{Mount: d.Mount("m", ""), Options: func(any) error { return wrong }}); !errors.Is(err, wrong) {
		t.Errorf("an error of the configuration is lost: %v", err)
	}
}

// TestEtokenFitsItsHeader: the longest there can be.
func TestEtokenFitsItsHeader(t *testing.T) {
	s := dialecttest.Serve(t, setup("server_id: "+strings.Repeat("a", maxServerID)+"\n"))
	_, etoken := login(t, s)
	if line := "Bearer " + etoken; len(line) > maxBearer/4 || len(etoken) < minEtoken {
		t.Errorf("%d bytes", len(line))
	}
	if s.Send(secure(etoken)); lastOutcome(s) != "ok" {
		t.Errorf("refused: %s", lastOutcome(s))
	}
}

// TestTwoServersWithOneKeySet: an etoken is good where it was made.
func TestTwoServersWithOneKeySet(t *testing.T) {
	s := dialecttest.Serve(t, setup("server_id: one\n"))
	d := Definition()
	session, etoken := login(t, s)
	for server, want := range map[string]bool{"one": true, "two": false} {
		other, err := New(dialect.Config{Service: s.Service(), Mount: d.Mount("m", ""), Options: func(into any) error { into.(*Options).ServerID = server; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := other.(*domainpunch).etokens.open(etoken, s.Service().Now()); ok != want || (ok && got != session) {
			t.Errorf("at %s it opens to %q, %v", server, got, ok)
		}
	}
}
