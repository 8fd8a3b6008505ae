package dialecttest

import (
	"context"
	"net/netip"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// The accounts that the transcripts speak of. All secrets are made up.
const (
	ElectaNumber  = "123456"
	ElectaKey     = "UO86CN11XY73SF72TT40PG18ZE76VV71"
	ElectaNumber2 = "11267192"
	ElectaKey2    = "AB12CD34EF56GH78IJ90KL12MN34OP56"

	ElectaDisabled     = "222222" // a disabled account
	ElectaDisabledKey  = "DD00DD00DD00DD00DD00DD00DD00DD00"
	ElectaOff          = "333333" // an account whose only key is disabled
	ElectaOffKey       = "FF00FF00FF00FF00FF00FF00FF00FF00"
	ElectaElsewhere    = "444444" // an account whose key is good only from 192.0.2.0/24
	ElectaElsewhereKey = "EE00EE00EE00EE00EE00EE00EE00EE00"

	CalAmpUser      = "demo@calamp.example"
	CalAmpPassword  = "demo-password"
	CalAmpUser2     = "other@calamp.example"
	CalAmpInactive  = "gone@calamp.example"
	CalAmpApp       = "c0ffee00-0000-4000-8000-000000000001"
	CalAmpApp2      = "c0ffee00-0000-4000-8000-000000000002"
	CalAmpAppOff    = "c0ffee00-0000-4000-8000-00000000000f" // disabled
	CalAmpAppAbroad = "c0ffee00-0000-4000-8000-0000000000ff" // of another tenant
)

// Accounts creates the accounts above.
func Accounts(t testing.TB, s *auth.Service) {
	t.Helper()
	password := hashed(t, s)
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		m := &maker{tx: tx, s: s}
		electa := m.account(auth.Account{Level: auth.Tenant, Code: "ELECTA"})
		for _, a := range []struct {
			number   int64
			disabled bool
			key      auth.Key
			secret   string
		}{
			{number: 123456, secret: ElectaKey},
			{number: 11267192, secret: ElectaKey2},
			{number: 222222, secret: ElectaDisabledKey, disabled: true},
			{number: 333333, secret: ElectaOffKey, key: auth.Key{Disabled: true}},
			{number: 444444, secret: ElectaElsewhereKey, key: auth.Key{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}},
		} {
			id := m.account(auth.Account{Level: auth.Organization, Tenant: electa, Parent: electa, Number: a.number, Disabled: a.disabled})
			a.key.Account = id
			m.key(a.key, a.secret)
		}
		calamp := m.account(auth.Account{Level: auth.Tenant, Code: "CALAMP", Number: 2})
		fleet := m.account(auth.Account{Level: auth.Organization, Tenant: calamp, Parent: calamp, Number: 3})
		m.user(auth.User{Tenant: calamp, Account: fleet, Name: CalAmpUser, Active: true, Password: password})
		m.user(auth.User{Tenant: calamp, Account: fleet, Name: CalAmpUser2, Active: true, Password: password})
		m.user(auth.User{Tenant: calamp, Account: fleet, Name: CalAmpInactive, Password: password})
		m.app(auth.App{Key: CalAmpApp, Account: calamp, Name: "Demo"})
		m.app(auth.App{Key: CalAmpApp2, Account: calamp, Name: "Second"})
		m.app(auth.App{Key: CalAmpAppOff, Account: calamp, Name: "Switched off", Disabled: true})
		m.app(auth.App{Key: CalAmpAppAbroad, Account: electa, Name: "Of another tenant"})
		return m.err
	})
	if err != nil {
		t.Fatalf("creating accounts: %v", err)
	}
}

// hashed is CalAmpPassword's hash, made once: hashing is slow on purpose.
func hashed(t testing.TB, s *auth.Service) string {
	t.Helper()
	passwordHash.Do(func() {
		passwordHash.hash, passwordHash.err = s.Hasher().Hash(context.Background(), CalAmpPassword)
	})
	if passwordHash.err != nil {
		t.Fatalf("hashing a password: %v", passwordHash.err)
	}
	return passwordHash.hash
}

var passwordHash struct {
	sync.Once
	hash string
	err  error
}

// maker writes records and remembers the first error.
type maker struct {
	tx  auth.Tx
	s   *auth.Service
	err error
}

func (m *maker) keep(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *maker) account(a auth.Account) auth.AccountID {
	m.keep(m.tx.PutAccount(&a))
	return a.ID
}

func (m *maker) key(k auth.Key, secret string) {
	k.Name = "main"
	m.named(k, secret)
}

// named is for keys with a name of their own: an account may have several.
func (m *maker) named(k auth.Key, secret string) {
	k.Digest, k.Pepper = m.s.Keys().KeyDigest(secret), m.s.Keys().Pepper()
	m.keep(m.tx.PutKey(&k))
}

func (m *maker) user(u auth.User) { m.keep(m.tx.PutUser(&u)) }
func (m *maker) app(a auth.App)   { m.keep(m.tx.PutApp(&a)) }
