package admin_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/secret"
)

// Records that come and go while somebody pages move none of the others.
func TestPagesUnderWrites(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	c := k.as(operatorAcme)
	want := map[int64]int{}
	for i := range 12 {
		u, err := c.UserCreate(t.Context(), api.NewUser{Account: k.division, Name: fmt.Sprint("stays-", i)})
		if err != nil {
			t.Fatal(err)
		}
		want[u.ID] = 0
	}
	first := true
	for u, err := range client.All(func(after string) (api.List[api.User], error) {
		page, err := c.UserList(t.Context(), api.UserQuery{MemberQuery: api.MemberQuery{Page: api.Page{After: after, Limit: 3}, Account: k.west}})
		if first {
			first = false
			if _, err := c.UserDelete(t.Context(), api.Removal{ID: k.user}); err != nil { // before the place where the next page begins
				t.Error(err)
			}
			if _, err := c.UserCreate(t.Context(), api.NewUser{Account: k.west, Name: "comes"}); err != nil {
				t.Error(err)
			}
		}
		return page, err
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := want[u.ID]; ok {
			want[u.ID]++
		}
	}
	for id, n := range want {
		if n != 1 {
			t.Errorf("user %d was on %d pages", id, n)
		}
	}
}

func TestPagesOfSessionsUnderLogins(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.mountElecta = &auth.Mount{Name: "free", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}}
	want := []int64{k.session}
	for range 9 {
		want = append([]int64{int64(k.login(100, k.secrets[clientWest]).Session.ID)}, want...)
	}
	var got []int64
	for s, err := range client.All(func(after string) (api.List[api.Session], error) {
		page, err := k.as(auditorWest).SessionList(t.Context(), api.SessionQuery{Page: api.Page{After: after, Limit: 3}, Key: k.key})
		k.login(100, k.secrets[clientWest])
		return page, err
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != "key" || s.Subject != clientWest || !s.Live || s.EndsBy != "span" || s.Source != home.String() || !slices.Equal(s.Path, []string{"1", "100"}) {
			t.Errorf("listed %+v", s)
		}
		got = append(got, s.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func TestAccountsAreFound(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	ids := func(who string, q api.AccountQuery) (list []int64) {
		t.Helper()
		q.Limit = 2
		for a, err := range client.All(func(after string) (api.List[api.Account], error) {
			q.After = after
			return k.as(who).AccountList(t.Context(), q)
		}) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, a.ID)
		}
		return list
	}
	for _, c := range []struct {
		what, who string
		q         api.AccountQuery
		want      []int64
	}{
		{"all", auditorAll, api.AccountQuery{}, []int64{k.acme, k.west, k.division, k.other}},
		{"tenants", auditorAll, api.AccountQuery{Parent: new(int64(0))}, []int64{k.acme, k.other}},
		{"below one", auditorAll, api.AccountQuery{Parent: &k.acme}, []int64{k.west}},
		{"within one", auditorAll, api.AccountQuery{Within: k.west}, []int64{k.west, k.division}},
		{"by number", auditorAll, api.AccountQuery{Number: 900}, []int64{k.other}},
		{"by code", auditorAll, api.AccountQuery{Code: "WEST"}, []int64{k.west}},
		{"by a code within another", auditorAll, api.AccountQuery{Code: "WEST", Within: k.other}, nil},
		{"all that one of WEST sees", auditorWest, api.AccountQuery{}, []int64{k.west, k.division}},
		{"the top that one of WEST sees", auditorWest, api.AccountQuery{Parent: new(int64(0))}, []int64{k.west}},
		{"by a number outside", auditorWest, api.AccountQuery{Number: 900}, nil},
		{"by the code of the tenant above", auditorWest, api.AccountQuery{Code: "ACME"}, nil},
	} {
		if got := ids(c.who, c.q); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	if u, err := k.as(auditorWest).UserList(t.Context(), api.UserQuery{Name: "anna"}); err != nil || len(u.Items) != 1 || u.Items[0].ID != k.user {
		t.Errorf("by login name: %+v, %v", u, err)
	}
	if u, err := k.as(auditorWest).UserList(t.Context(), api.UserQuery{Name: "OUTSIDE-otto"}); err != nil || len(u.Items) != 0 {
		t.Errorf("by a login name outside: %+v, %v", u, err)
	}
}

func TestUsageIsRanked(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.mountElecta = &auth.Mount{Name: "free", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}}
	for range 4 {
		k.login(100, k.secrets[clientWest])
	}
	for who, want := range map[string]int{auditorWest: 1, auditorAll: 2} {
		u, err := k.as(who).UsageList(t.Context(), api.UsageQuery{})
		if err != nil || len(u.Items) != want {
			t.Fatalf("%s: %+v, %v", who, u, err)
		}
		if row := u.Items[0]; row.Principal != k.key || row.Logins != 5 || row.WhileLive != 4 || row.LoginsPerCheck != 5 || len(row.Sources) != 1 || row.Sources[0].Logins != 5 || u.Since.IsZero() {
			t.Errorf("%s: %+v", who, row)
		}
	}
	if u, err := k.as(auditorAll).UsageList(t.Context(), api.UsageQuery{Account: k.other}); err != nil || len(u.Items) != 1 || u.Items[0].Principal != k.outsideKey {
		t.Errorf("of one account: %+v, %v", u, err)
	}
}

// Who is refused all day is the first, however few of its logins there are.
func TestUsageShowsWhoIsRefused(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	free := &auth.Mount{Name: "free", Dialect: "electa", Policy: auth.Policy{Span: time.Hour}}
	k.mountElecta = free
	for range 4 {
		k.login(100, k.secrets[clientWest])
	}
	held := *free
	held.Name, held.FairUse = "held", auth.FairUse{Logins: 1, Answer: auth.AnswerRefuse}
	a := k.attempt(100, k.secrets[clientWest])
	a.Mount = &held
	for i := range 4 {
		if _, err := k.service.Login(t.Context(), a); (err == nil) != (i == 0) {
			t.Fatalf("login %d over the budget: %v", i, err)
		}
	}
	u, err := k.as(auditorWest).UsageList(t.Context(), api.UsageQuery{})
	if err != nil || len(u.Items) != 1 || u.Items[0].Principal != k.key || u.Items[0].Refused != 3 || u.Items[0].Logins != 6 || u.Items[0].WhileLive != 5 {
		t.Errorf("%+v, %v", u, err)
	}
}

// Logins are told apart by dialect, and what those without need cost is told: more for
// passwords. Who signs in to the console is no client that logs in too often.
func TestUsageTellsDialectsAndCost(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	hash, err := secret.NewHasher(1, 1).Hash(t.Context(), "a good password")
	if err != nil {
		t.Fatal(err)
	}
	user := auth.User{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.west), Name: "petra", Password: hash, Active: true}
	boss := auth.User{Tenant: auth.AccountID(k.acme), Account: auth.AccountID(k.west), Name: "boss", Password: hash, Active: true, Role: auth.Owner}
	k.put(func(tx auth.Tx) error {
		user.ID, boss.ID = 0, 0
		return errors.Join(tx.PutUser(&user), tx.PutUser(&boss))
	})
	over := func(dialect string) *auth.Mount {
		return &auth.Mount{Name: "of-" + dialect, Dialect: dialect, Policy: auth.Policy{Span: time.Hour}}
	}
	login := func(a *auth.Attempt, n int) {
		t.Helper()
		for a.Form = auth.FormNative; n > 0; n-- {
			if _, err := k.service.Login(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
	}
	key := k.attempt(100, k.secrets[clientWest])
	key.Mount = over("oauth2")
	login(key, 3)
	key.Mount = over("electa")
	login(key, 1)
	login(&auth.Attempt{Mount: over("calamp"), Scheme: auth.Password, User: "petra", Secret: "a good password", Origin: auth.Origin{Source: home}}, 3)
	login(&auth.Attempt{Mount: over(auth.ConsoleDialect), Scheme: auth.Password, User: "boss", Secret: "a good password", Origin: auth.Origin{Source: home}}, 3)

	u, err := k.as(auditorWest).UsageList(t.Context(), api.UsageQuery{})
	if err != nil || len(u.Items) != 2 {
		t.Fatalf("%+v, %v", u, err)
	}
	// The first login over electa, which the kit made, was needed.
	row := u.Items[0]
	want := []api.Dialogue{{Dialect: "oauth2", Logins: 3, WhileLive: 3}, {Dialect: "electa", Logins: 2, WhileLive: 1}}
	if row.Principal != k.key || !slices.Equal(row.Dialects, want) || row.Logins != 5 || row.WhileLiveShare != 0.8 || row.CostCommits != 4 || row.CostRows != 8 || row.CostHashing != 0 {
		t.Errorf("the key: %+v", row)
	}
	row = u.Items[1]
	if row.Principal != int64(user.ID) || row.Dialects[0] != (api.Dialogue{Dialect: "calamp", Logins: 3, WhileLive: 2}) || row.CostCommits != 2 || row.CostRows != 6 || row.CostHashing <= 0 {
		t.Errorf("the user: %+v", row)
	}
}
