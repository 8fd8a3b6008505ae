package dialecttest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/auth"
)

// The API keys of the SBT transcripts. A key names its account by itself.
const (
	SBTTenantKey   = "0f4c2a9e-acme-tenant" // of ACME, the mount's policy
	SBTWestKey     = "5b1d7703-acme-west"   // of ACME-WEST, the mount's policy
	SBTDivisionKey = "c8e64f12-acme-west-1" // of ACME-WEST-1, the mount's policy

	SBTExpireOnNewKey = "demo-sbt-expire-on-new"
	SBTNeverKey       = "demo-sbt-never"
	SBTDayKey         = "demo-sbt-1-day"
	SBTWeekKey        = "demo-sbt-1-week"
	SBTYearKey        = "demo-sbt-1-year"
	SBTTenYearsKey    = "demo-sbt-10-years"

	SBTDisabledKey  = "9a3310b7-disabled-account"
	SBTOffKey       = "e4d2c881-disabled-key"
	SBTElsewhereKey = "77a0d5f3-other-network" // good only from 192.0.2.0/24
	SBTExpiredKey   = "1c9b6e40-expired"
)

// SBTAccounts creates the tenant ACME with the organizations ACME-WEST and
// ACME-EAST, the divisions ACME-WEST-1 and ACME-WEST-2 and the keys above, and
// the tenant OTHER.
func SBTAccounts(t testing.TB, s *auth.Service) {
	t.Helper()
	const day = 24 * time.Hour
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		m := &maker{tx: tx, s: s}
		for _, p := range []auth.Policy{
			{Name: "expire-on-new", ExpireOnNew: true},
			{Name: "never", Never: true},
			{Name: "1-day", Span: day},
			{Name: "1-week", Span: 7 * day},
			{Name: "1-year", Span: 365 * day},
			{Name: "10-years", Span: 3650 * day},
		} {
			m.keep(tx.PutPolicy(&p))
		}
		acme := m.account(auth.Account{Level: auth.Tenant, Code: "ACME"})
		below := func(level auth.Level, parent auth.AccountID, code string, disabled bool) auth.AccountID {
			return m.account(auth.Account{Level: level, Tenant: acme, Parent: parent, Code: code, Disabled: disabled})
		}
		west := below(auth.Organization, acme, "ACME-WEST", false)
		west1 := below(auth.Division, west, "ACME-WEST-1", false)
		west2 := below(auth.Division, west, "ACME-WEST-2", false)
		below(auth.Organization, acme, "ACME-EAST", false)
		closed := below(auth.Organization, acme, "ACME-CLOSED", true)
		m.account(auth.Account{Level: auth.Tenant, Code: "OTHER"})
		for _, k := range []struct {
			account auth.AccountID
			secret  string
			key     auth.Key
		}{
			{account: acme, secret: SBTTenantKey},
			{account: west, secret: SBTWestKey},
			{account: west1, secret: SBTDivisionKey},
			{account: acme, secret: SBTExpireOnNewKey, key: auth.Key{Policy: "expire-on-new"}},
			{account: acme, secret: SBTNeverKey, key: auth.Key{Policy: "never"}},
			{account: acme, secret: SBTDayKey, key: auth.Key{Policy: "1-day"}},
			{account: west, secret: SBTWeekKey, key: auth.Key{Policy: "1-week"}},
			{account: west1, secret: SBTYearKey, key: auth.Key{Policy: "1-year"}},
			{account: west2, secret: SBTTenYearsKey, key: auth.Key{Policy: "10-years"}},
			{account: closed, secret: SBTDisabledKey},
			{account: acme, secret: SBTOffKey, key: auth.Key{Disabled: true}},
			{account: acme, secret: SBTElsewhereKey, key: auth.Key{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}},
			{account: acme, secret: SBTExpiredKey, key: auth.Key{Expires: Start}},
		} {
			k.key.Account, k.key.Name = k.account, k.secret[len("demo-sbt-"):]
			m.named(k.key, k.secret)
		}
		return m.err
	})
	if err != nil {
		t.Fatalf("creating accounts: %v", err)
	}
}
