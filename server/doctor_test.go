package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
	"github.com/sallyport/sallyport/secret"
)

// patient is a server's folder to spoil.
type patient struct {
	*testing.T
	dir string
}

func (p *patient) path(name string) string { return filepath.Join(p.dir, name) }

// edit replaces a text of the configuration, which has to be there.
func (p *patient) edit(old, with string) {
	p.Helper()
	b, err := os.ReadFile(p.path(initConfig))
	if err != nil || !strings.Contains(string(b), old) {
		p.Fatalf("no %q in the configuration: %v", old, err)
	}
	p.must(os.WriteFile(p.path(initConfig), []byte(strings.Replace(string(b), old, with, 1)), 0o600))
}

func (p *patient) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// apply applies a file to the patient's database.
func (p *patient) apply(text string) {
	p.Helper()
	p.applyTo(p.path(initData), text)
}

func (p *patient) applyTo(database, text string) {
	p.Helper()
	p.must(Apply(p.Context(), ApplyOptions{File: "-", In: strings.NewReader(text), Data: database, Keys: p.path(initKeys), Actor: "test", Out: p.Output(), Log: p.Output()}))
}

// certificate puts another certificate there, signed by itself or by an authority
// that nobody knows.
func (p *patient) certificate(from, to time.Time, signed bool) {
	p.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, NotBefore: from, NotAfter: to, DNSNames: []string{"api.example.com"}}
	parent := template
	if !signed {
		parent = &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "authority"}, NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), private)
	p.must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	p.must(err)
	p.must(errors.Join(os.Remove(p.path(initCert)), os.Remove(p.path(initCertKey))))
	p.must(errors.Join(writePEM(p.path(initCert), "CERTIFICATE", der), writePEM(p.path(initCertKey), "PRIVATE KEY", keyDER)))
}

func (p *patient) execute(statement string) {
	p.Helper()
	db, err := sql.Open("sqlite", p.path(initData))
	p.must(err)
	_, err = db.ExecContext(p.Context(), statement)
	p.must(errors.Join(err, db.Close()))
}

// otherKeys puts another installation's key set in the place of the patient's.
func (p *patient) otherKeys() {
	p.must(os.Remove(p.path(initKeys)))
	_, err := openKeys(p.path(initKeys), p.path("none"), slog.New(slog.DiscardHandler))
	p.must(err)
}

// lostKey puts an API key into a database that was made under a key which the key set
// has no more.
func (p *patient) lostKey(database string) {
	store, err := openStore(p.Context(), database, slog.New(slog.DiscardHandler))
	p.must(err)
	err = store.Update(p.Context(), func(tx auth.Tx) error {
		accounts, err := tx.Accounts(0)
		if err != nil {
			return err
		}
		return tx.PutKey(&auth.Key{Account: accounts[0].ID, Name: "lost", Digest: secret.Digest{1}, Pepper: 4711})
	})
	p.must(errors.Join(err, store.Close()))
}

// newPatient is healthy, but for what an example is.
func newPatient(t *testing.T) *patient {
	t.Helper()
	dir, _ := initialized(t, func(o *InitOptions) { o.Listen, o.AdminListen = "127.0.0.1:0", "127.0.0.1:0" })
	p := &patient{t, dir}
	customers, err := os.ReadFile(p.path(initCustomers))
	p.must(err)
	p.apply(string(customers))
	return p
}

// A folder that Init has made has nothing bad, and what is to be warned of is what Init
// said.
func TestDoctorOfTheHealthy(t *testing.T) {
	found := Examine(t.Context(), newPatient(t).path(initConfig))
	if err := found.Err(); err != nil {
		t.Error(err)
	}
	areas := map[string]bool{}
	for _, f := range found {
		areas[f.Area] = true
		expected := strings.Contains(f.What, "signed by itself") || strings.Contains(f.What, "no second factor") ||
			f.Area == "clock" || f.Area == "disk" // this machine's
		if f.Level != Fine && !expected || f.Level != Fine && f.Mend == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, area := range []string{"configuration", "tls", "disk", "keys", "clock", "database", "people", "mounts", "listen"} {
		if !areas[area] {
			t.Errorf("nothing is said of %s", area)
		}
	}
}

// Whatever is spoiled is found, and what is told names it.
func TestDoctorFinds(t *testing.T) {
	now := time.Now()
	const tlsLine = "tls: {cert: tls.crt, key: tls.key}\n"
	for name, c := range map[string]struct {
		spoil func(*patient)
		level Level
		area  string
		what  string
	}{
		"no file":       {func(p *patient) { p.must(os.Remove(p.path(initConfig))) }, Bad, "configuration", "no such file"},
		"a field":       {func(p *patient) { p.edit("listen:", "lissen:") }, Bad, "configuration", `did you mean "listen"`},
		"its mode":      {func(p *patient) { p.must(os.Chmod(p.path(initConfig), 0o666)) }, Bad, "configuration", "(mode 0666)"},
		"a wide proxy":  {func(p *patient) { p.edit(tlsLine, tlsLine+"trusted_proxies: [127.0.0.1, 198.18.0.0/15]\n") }, Warning, "configuration", "198.18.0.0/15"},
		"an open admin": {func(p *patient) { p.edit("admin:\n", "admin:\n  open: true\n") }, Warning, "configuration", "open to other machines"},
		"in clear": {func(p *patient) {
			p.edit(tlsLine, "trusted_proxies: [127.0.0.1]\n")
			p.edit("admin:\n", "admin:\n  open: true\n")
		}, Bad, "configuration", "without TLS"},
		"no certificate": {func(p *patient) { p.must(os.Remove(p.path(initCert))) }, Bad, "tls", "tls.crt: no such file"},
		"another's key":  {func(p *patient) { p.must(os.Rename(p.path(initKeys), p.path(initCertKey))) }, Bad, "tls", "tls.key"},
		"expired":        {func(p *patient) { p.certificate(now.AddDate(0, 0, -9), now.AddDate(0, 0, -2), true) }, Bad, "tls", "expired on " + day(now.AddDate(0, 0, -2))},
		"too early":      {func(p *patient) { p.certificate(now.AddDate(0, 0, 1), now.AddDate(0, 0, 90), true) }, Bad, "tls", "is not good before"},
		"expires soon":   {func(p *patient) { p.certificate(now, now.Add(10*24*time.Hour+time.Hour), true) }, Warning, "tls", "in 10 days"},
		"signed by whom": {func(p *patient) { p.certificate(now, now.AddDate(0, 0, 90), false) }, Warning, "tls", "does not trust the certificate"},
		"a public key":   {func(p *patient) { p.must(os.Chmod(p.path(initCertKey), 0o604)) }, Bad, "tls", "everybody on this machine can open"},
		"another name":   {func(p *patient) { p.edit("# hosts: [api.example.com]", "hosts: [api.example.com]") }, Bad, "tls", "not for api.example.com, where mount electa"},
		"envoy's signers": {func(p *patient) {
			p.edit(tlsLine, tlsLine+"trusted_proxies: [127.0.0.1]\next_authz: {listen: '127.0.0.1:0', tls: {cert: tls.crt, key: tls.key, client_ca: keys.json}}\n")
		}, Bad, "ext_authz.tls", "holds no certificate"},
		"no folder":       {func(p *patient) { p.edit("data: sallyport.db", "data: no/where.db") }, Bad, "disk", "is not there"},
		"a public folder": {func(p *patient) { p.must(os.Chmod(p.dir, 0o777)) }, Bad, "disk", "others may write into"},
		"no writing":      {func(p *patient) { p.edit("data: sallyport.db", "data: /proc/sallyport.db") }, Bad, "disk", "nothing can be kept in /proc"},
		"keys' mode":      {func(p *patient) { p.must(os.Chmod(p.path(initKeys), 0o640)) }, Bad, "keys", "has mode 0640"},
		"no keys":         {func(p *patient) { p.must(os.Remove(p.path(initKeys))) }, Bad, "keys", "there is a database and no key set"},
		"damaged keys":    {func(p *patient) { p.must(os.WriteFile(p.path(initKeys), []byte("{}"), 0o600)) }, Bad, "keys", "not a Tink keyset"},
		"other keys":      {(*patient).otherKeys, Bad, "keys", "not the one of this database"},
		"a lost key":      {func(p *patient) { p.lostKey(p.path(initData)) }, Warning, "keys", "they cannot log in (keys lost: 1)"},
		"many keys": {func(p *patient) {
			for range manyKeys - 1 {
				_, err := RotateKeys(&config.Config{Keys: p.path(initKeys)}, RotateOptions{})
				p.must(err)
			}
		}, Warning, "keys", "has 28 keys"},
		"nothing yet":         {func(p *patient) { p.must(errors.Join(os.Remove(p.path(initKeys)), os.Remove(p.path(initData)))) }, Warning, "keys", "neither key set nor database"},
		"no database":         {func(p *patient) { p.must(os.Remove(p.path(initData))) }, Warning, "database", "there is no database"},
		"data's mode":         {func(p *patient) { p.must(os.Chmod(p.path(initData), 0o644)) }, Bad, "database", "(mode 0644)"},
		"damage":              {func(p *patient) { p.execute("UPDATE audit_batches SET body = CAST(body || 'x' AS BLOB) WHERE seq = 2") }, Bad, "database", "batch 2"},
		"no database of ours": {func(p *patient) { p.execute("PRAGMA application_id = 1") }, Bad, "database", "another program"},
		"a newer one":         {func(p *patient) { p.execute("INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)") }, Bad, "database", "version 4711"},
		"an older one": {func(p *patient) {
			p.execute("DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
		}, Warning, "database", "this program's is"},
		"junk": {func(p *patient) { p.must(os.WriteFile(p.path(initData), []byte(strings.Repeat("junk", 4096)), 0o600)) }, Bad, "database", "database"},
		"the clock": {func(p *patient) {
			store, err := openStore(p.Context(), p.path(initData), slog.New(slog.DiscardHandler))
			p.must(err)
			err = store.Update(p.Context(), func(tx auth.Tx) error {
				return tx.Record(audit.Event{At: now.Add(2 * time.Hour), Kind: audit.Change})
			})
			p.must(errors.Join(err, store.Close()))
		}, Bad, "clock", "in the future: the clock was put back"},
		"a key for operators": {func(p *patient) { p.apply("tenants: [{code: EXAMPLE, keys: [{name: ops, role: operator}]}]") }, Warning, "people", "key EXAMPLE/ops (operator) is taken from every address"},
		"an expired verifier": {func(p *patient) {
			p.apply("tenants: [{code: EXAMPLE, keys: [{name: gate, role: verifier, expires: 2020-01-01}]}]")
		}, Warning, "people", "gate (verifier) expired on 2020-01-01"},
		"nobody":          {func(p *patient) { p.apply("tenants: [{code: OPERATORS, users: [{name: admin, active: false}]}]") }, Warning, "people", "nobody owns this server"},
		"a dialect":       {func(p *patient) { p.edit("dialect: electa", "dialect: elektra") }, Bad, "mounts", "there is no dialect"},
		"an option":       {func(p *patient) { p.edit("dialect: electa", "dialect: electa\n    options: {nothing: 1}") }, Bad, "mounts", "unknown field"},
		"a path twice":    {func(p *patient) { p.edit("mounts:\n", "mounts:\n  - {dialect: electa, name: other}\n") }, Bad, "mounts", "claim"},
		"no tenant":       {func(p *patient) { p.edit("tenant: EXAMPLE", "tenant: EXAMPEL") }, Warning, "mounts", "its tenant EXAMPEL is not in the database"},
		"a tenant off":    {func(p *patient) { p.apply("tenants: [{code: EXAMPLE, disabled: true}]") }, Warning, "mounts", "its tenant EXAMPLE is disabled"},
		"names unguarded": {func(p *patient) { p.edit("dialect: electa", "dialect: electa\n    lockout: {names: {failures: 0}}") }, Warning, "mounts", "guesses at one name are not stopped"},
		"addresses too": {func(p *patient) {
			p.edit("dialect: electa", "dialect: electa\n    lockout: {addresses: {failures: 0}}")
		}, Warning, "mounts", "from one address are not stopped"},
		"for ever":           {func(p *patient) { p.edit("dialect: electa", "dialect: electa\n    policy: {never: true}") }, Warning, "mounts", "do not end by themselves"},
		"a demo's":           {func(p *patient) { p.edit("dialect: oauth2", "dialect: oauth2\n    options: {plain_address: true}") }, Warning, "mounts", "over http"},
		"shared calls":       {func(*patient) {}, Fine, "mounts", "oauth2 shares calls with electa: a call's token says"},
		"no address of ours": {func(p *patient) { p.edit(`listen: "127.0.0.1:0"`, "listen: 192.0.2.1:0") }, Bad, "listen", "192.0.2.1:0"},
		"free addresses":     {func(*patient) {}, Fine, "listen", "admin.listen 127.0.0.1:0 is free"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t)
			c.spoil(p)
			found := Examine(t.Context(), p.path(initConfig))
			p.expect(found, c.level, c.area, c.what)
			if err := found.Err(); (c.level == Bad) != errors.Is(err, ErrUnwell) {
				t.Errorf("of all of it: %v", err)
			}
		})
	}
}

// Where several servers share a database, one that was left out has only to be given
// the key set of another.
func TestDoctorOfAnOlderKeySet(t *testing.T) {
	p := newPatient(t)
	p.lostKey(p.path(initData))
	for _, f := range Examine(t.Context(), p.path(initConfig)) {
		if strings.Contains(f.What, "keys lost: 1") && !strings.HasPrefix(f.Mend, "copy the newer keys.json from another server") {
			t.Errorf("it says to %s", f.Mend)
		}
	}
}

func (p *patient) expect(found Findings, l Level, area, what string) {
	p.Helper()
	for _, f := range found {
		if f.Level == l && f.Area == area && strings.Contains(f.What, what) && (l == Fine) == (f.Mend == "") {
			return
		}
	}
	p.Errorf("not found: %s %s %q in %+v", l, area, what, found)
}

// Files that belong to several users stop the next start.
func TestDoctorOwners(t *testing.T) {
	p := newPatient(t)
	if err := os.Chown(p.path(initKeys), 4711, -1); err != nil {
		t.Skip("only root can give files away:", err)
	}
	p.expect(Examine(t.Context(), p.path(initConfig)), Bad, "disk", "keys.json to user 4711")
}

func TestDoctorSpace(t *testing.T) {
	for what, c := range map[string]struct {
		space
		level Level
	}{
		"network file system (NFS)": {space{kind: "NFS", far: true, free: 1 << 40}, Bad},
		"tmpfs":                     {space{kind: "tmpfs", brief: true, free: 1 << 40}, Warning},
		"1.0 MiB left":              {space{free: 1 << 20}, Bad},
		"512.0 MiB left":            {space{free: 512 << 20}, Warning},
		"7 more files":              {space{free: 1 << 40, known: true, files: 7}, Bad},
	} {
		d := &doctor{cfg: new(config.Config)}
		d.space("dir", c.space)
		(&patient{T: t}).expect(d.found, c.level, "disk", what)
	}
	d := &doctor{cfg: new(config.Config)}
	if d.space("dir", space{free: 1 << 40}); len(d.found) > 0 {
		t.Errorf("of room enough: %+v", d.found)
	}
	if s, err := spaceOf(t.TempDir()); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && s.free == 0 {
		t.Errorf("this machine's: %+v, %v", s, err)
	}
}

// The server's own addresses are its own, and others' are not.
func TestDoctorBesideAServer(t *testing.T) {
	p := newPatient(t)
	cfg, err := config.Load(p.path(initConfig))
	p.must(err)
	s, _ := start(t, cfg)
	p.edit(`listen: "127.0.0.1:0"`, "listen: "+s.Addr().String())
	p.edit(`listen: "127.0.0.1:0"`, "listen: "+s.AdminAddr().String())
	found := Examine(t.Context(), p.path(initConfig))
	p.must(found.Err())
	p.expect(found, Fine, "listen", "listen "+s.Addr().String()+" is answered by this server")
	p.expect(found, Fine, "listen", "admin.listen "+s.AdminAddr().String()+" is answered by this server")

	s.stopping.Store(true)
	p.expect(Examine(t.Context(), p.path(initConfig)), Bad, "listen", "is not ready: stopping")
	s.stopping.Store(false)

	other, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	go func() { _ = http.Serve(other, http.NotFoundHandler()) }()
	defer other.Close()
	p.edit(s.AdminAddr().String(), other.Addr().String())
	p.expect(Examine(t.Context(), p.path(initConfig)), Bad, "listen", "another program listens on admin.listen")
}

// Another Sallyport is not taken for this one, whatever of it is the same; nor is one
// that leads the questions on to the real one.
func TestDoctorBesideAnother(t *testing.T) {
	const another = "another Sallyport, of another key set or database, listens on "
	for what, foreign := range map[string]func(p, q *patient){
		"another's all": func(*patient, *patient) {},
		"the same keys, another database": func(p, q *patient) {
			p.must(os.Remove(q.path(initKeys)))
			p.must(os.Remove(q.path(initData)))
			p.must(copyFile(p.path(initKeys), q.path(initKeys)))
		},
	} {
		p, q := newPatient(t), newPatient(t)
		foreign(p, q)
		cfg, err := config.Load(q.path(initConfig))
		p.must(err)
		s, _ := start(t, cfg)
		p.edit(`listen: "127.0.0.1:0"`, "listen: "+s.Addr().String())
		p.edit(`listen: "127.0.0.1:0"`, "listen: "+s.AdminAddr().String())
		found := Examine(t.Context(), p.path(initConfig))
		p.expect(found, Bad, "listen", another+"listen "+s.Addr().String())
		p.expect(found, Bad, "listen", another+"admin.listen "+s.AdminAddr().String())
		if t.Failed() {
			t.Fatalf("with %s: %+v", what, found)
		}
	}
	p := newPatient(t)
	cfg, err := config.Load(p.path(initConfig))
	p.must(err)
	s, _ := start(t, cfg)
	between, err := net.Listen("tcp", "127.0.0.1:0")
	p.must(err)
	go func() {
		_ = http.Serve(between, httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: s.AdminAddr().String()}))
	}()
	defer between.Close()
	p.edit(`listen: "127.0.0.1:0"`, `listen: "127.0.0.1:00"`) // the other one is meant
	p.edit(`listen: "127.0.0.1:0"`, "listen: "+between.Addr().String())
	p.expect(Examine(t.Context(), p.path(initConfig)), Bad, "listen", another+"admin.listen")
}

// Who has not the key set learns nothing from a listener, not even whether two answers
// are one server's.
func TestInstanceTellsStrangersNothing(t *testing.T) {
	s := withAdmin(t)
	challenge := strings.Repeat("0f", 32)
	seen := map[string]bool{}
	for range 2 {
		for _, get := range []func() (int, string){
			func() (int, string) { return get(t, s, instancePath+"?challenge="+challenge) },
			func() (int, string) {
				status, body, _ := asked(t, s, instancePath+"?challenge="+challenge, nil)
				return status, body
			},
		} {
			status, body := get()
			if status != http.StatusOK || len(body) != 64+1+64+1 {
				t.Fatalf("answered %d %q", status, body)
			}
			for _, part := range strings.Fields(body) {
				if seen[part] {
					t.Errorf("two answers have %q", part)
				}
				seen[part] = true
			}
		}
	}
	for _, bad := range []string{"", "?challenge=", "?challenge=0f", "?challenge=" + strings.Repeat("zz", 32), "?challenge=" + challenge + "00"} {
		if status, body := get(t, s, instancePath+bad); status != http.StatusBadRequest || strings.Contains(body, "0f") {
			t.Errorf("%q is answered %d %q", bad, status, body)
		}
	}
}

// A database elsewhere is asked for over there, and its password is told nobody.
func TestDoctorOfPostgres(t *testing.T) {
	p := newPatient(t)
	p.edit("data: sallyport.db", "data: postgres://ann:hidden@127.0.0.1:1/db")
	found := Examine(t.Context(), p.path(initConfig))
	for _, f := range found {
		if f.Level == Bad && f.Area != "database" || strings.Contains(f.What+f.Mend, "hidden") || strings.Contains(f.What+f.Mend, "postgres:/a") {
			t.Errorf("%+v", f)
		}
	}
	if found.Err() == nil {
		t.Error("it is said to be well")
	}
}

// What to do depends on what is wrong: nobody should restore a backup because a
// file could not be read.
func TestDoctorMendsTheDatabase(t *testing.T) {
	for want, spoil := range map[string]func(*patient) context.Context{
		"sallyport restore": func(p *patient) context.Context {
			p.execute("UPDATE audit_batches SET body = CAST(body || 'x' AS BLOB) WHERE seq = 2")
			return p.Context()
		},
		"name another file": func(p *patient) context.Context { p.execute("PRAGMA application_id = 1"); return p.Context() },
		"run this again": func(p *patient) context.Context {
			ended, cancel := context.WithCancel(p.Context())
			cancel()
			return ended
		},
	} {
		p := newPatient(t)
		ctx := spoil(p)
		if i := slices.IndexFunc(Examine(ctx, p.path(initConfig)), func(f Finding) bool {
			return f.Area == "database" && f.Level == Bad && strings.Contains(f.Mend, want)
		}); i < 0 {
			t.Errorf("nothing says %q", want)
		}
	}
}

func TestWide(t *testing.T) {
	for network, want := range map[string]bool{
		"10.0.0.0/8": false, "192.0.2.7/32": false, "192.0.2.0/24": false, "192.0.2.0/23": true, "8.0.0.0/7": true,
		"2001:db8::/56": false, "2001:db8::/55": true, "fd00::/8": false, "127.0.0.0/8": false, "172.0.0.0/8": true,
	} {
		if got := wide(netip.MustParsePrefix(network)); got != want {
			t.Errorf("%s is wide: %v", network, got)
		}
	}
}

func TestFindingsAreWritten(t *testing.T) {
	found := Findings{{Fine, "disk", "a < b", ""}, {Bad, "keys", "two\nlines", "mend <it>"}}
	var text, written strings.Builder
	if err := errors.Join(found.Write(&text), found.WriteJSON(&written)); err != nil {
		t.Fatal(err)
	}
	if want := "ok    disk           a < b\nbad   keys           two\n                     lines\n                     > mend <it>\n"; text.String() != want {
		t.Errorf("\ngot\n%swant\n%s", &text, want)
	}
	var back Findings
	if err := json.Unmarshal([]byte(written.String()), &back); err != nil || len(back) != 2 || back[0] != found[0] || back[1] != found[1] {
		t.Errorf("as JSON: %+v, %v", back, err)
	}
}

// Where a login names nobody, failures count by address already.
func TestDoctorOfNamelessLogins(t *testing.T) {
	for limits, want := range map[string]string{
		"":                           "",
		"{addresses: {failures: 0}}": "",
		"{names: {failures: 0}}":     "mount sbt: guesses are not stopped",
		"{names: {failures: 0}, addresses: {failures: 100}}": "",
	} {
		text := "trusted_proxies: [127.0.0.1]\nmounts:\n  - dialect: sbt\n"
		if limits != "" {
			text += "    lockout: " + limits + "\n"
		}
		cfg, err := config.Parse("test.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		def, err := definition(&cfg.Mounts[0])
		if err != nil {
			t.Fatal(err)
		}
		d := &doctor{cfg: cfg}
		d.limits(&cfg.Mounts[0], coreMount(&cfg.Mounts[0], def), def.Nameless)
		got := ""
		for _, f := range d.found {
			got += f.What
		}
		if got != want {
			t.Errorf("%s: found %q, want %q", limits, got, want)
		}
	}
}
