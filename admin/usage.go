package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// UsageList ranks keys and users by the logins that they did not need or were refused.
func (a *Admin) UsageList(ctx context.Context, by *auth.Caller, from auth.Origin, in api.UsageQuery) (out api.Usage, err error) {
	c, err := a.begin(ctx, &api.UsageList.Operation, by, from)
	if err != nil {
		return out, err
	}
	n, err := limit(in.Limit)
	if err != nil {
		return out, err
	}
	if _, _, err := c.whose(ctx, 0, 0, in.Account); err != nil {
		return out, err
	}
	since, list := a.service.Usage()
	out = api.Usage{Since: since, Items: []api.UsageRow{}}
	for i := 0; i < len(list) && len(out.Items) < n; i++ {
		who, err := a.service.IdentityOf(ctx, list[i].Principal)
		switch {
		case errors.Is(err, auth.ErrNotFound): // deleted since
			continue
		case err != nil:
			return api.Usage{}, failed(err)
		}
		if by.Reaches(who) && (in.Account == 0 || slices.Contains(who.Path, auth.AccountID(in.Account))) {
			out.Items = append(out.Items, wireUsage(&list[i], who))
		}
	}
	return out, nil
}

func wireUsage(u *auth.Usage, who *auth.Identity) api.UsageRow {
	row := api.UsageRow{Principal: int64(u.Principal), Kind: kindOf(who), Subject: who.Subject, Account: int64(who.Account.ID), Path: who.PathRefs,
		Dialects: []api.Dialogue{}, Logins: int64(u.Logins), WhileLive: int64(u.WhileLive), WhileLiveShare: float64(u.WhileLive) / float64(max(u.Logins, 1)),
		Refused: int64(u.Refused), Checks: int64(u.Checks), LoginsPerCheck: float64(u.Logins) / float64(max(u.Checks, 1)), NeverUsed: int64(u.NeverUsed()),
		CostCommits: int64(u.Cost.Commits), CostRows: int64(u.Cost.Rows), CostHashing: api.Span(u.Cost.Hashing.Round(time.Millisecond)),
		LastLogin: u.LastLogin, Sources: []api.SourceOf{}}
	if u.Used > 0 {
		row.AgeAtLastUse = api.Span((u.UsedFor / time.Duration(u.Used)).Round(time.Second))
	}
	for _, d := range u.Dialects {
		row.Dialects = append(row.Dialects, api.Dialogue{Dialect: d.Dialect, Logins: int64(d.Logins), WhileLive: int64(d.WhileLive)})
	}
	for _, s := range u.Sources {
		row.Sources = append(row.Sources, api.SourceOf{Address: s.Addr.String(), Logins: int64(s.Logins)})
	}
	return row
}
