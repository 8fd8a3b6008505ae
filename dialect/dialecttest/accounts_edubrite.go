package dialecttest

import (
	"testing"

	"github.com/sallyport/sallyport/auth"
)

// The API users of the EduBrite transcripts, all with one password.
const (
	EduBriteUser     = "api_11111111-2222-3333-4444-555555555555"
	EduBriteUser2    = "api_66666666-7777-8888-9999-000000000000"
	EduBriteInactive = "api_99999999-2222-3333-4444-555555555555"
	EduBritePassword = "Abc-_0*|123456789012"
	EduBriteTeacher  = "teacher" // a user of the site who has a password as well
)

// EduBriteAccounts creates the tenant EDUBRITE with three API users, the users
// teacher, charles, admin (an administrator) and dora (inactive), and the tenant
// OTHER with the user of another site, erin.
func EduBriteAccounts(t testing.TB, s *auth.Service) {
	t.Helper()
	password, err := s.Hasher().Hash(t.Context(), EduBritePassword)
	if err != nil {
		t.Fatalf("hashing a password: %v", err)
	}
	err = s.Update(t.Context(), func(tx auth.Tx) error {
		m := &maker{tx: tx, s: s}
		site := m.account(auth.Account{Level: auth.Tenant, Code: "EDUBRITE"})
		other := m.account(auth.Account{Level: auth.Tenant, Code: "OTHER"})
		for _, u := range []auth.User{
			{Name: EduBriteUser, Active: true, Password: password},
			{Name: EduBriteUser2, Active: true, Password: password},
			{Name: EduBriteInactive, Password: password},
			{Name: EduBriteTeacher, Active: true, Password: password},
			{Name: "charles", Active: true, FullName: "Charles Bücker", Email: "charles@example.org"},
			{Name: "admin", Active: true, Admin: true},
			{Name: "dora"},
		} {
			u.Tenant, u.Account = site, site
			m.user(u)
		}
		m.user(auth.User{Tenant: other, Account: other, Name: "erin", Active: true})
		return m.err
	})
	if err != nil {
		t.Fatalf("creating accounts: %v", err)
	}
}
