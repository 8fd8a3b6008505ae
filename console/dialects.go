package console

import (
	"net/http"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// Dialect is a dialect as people see it.
type Dialect struct {
	Name, Title string
	Risks       []Risk
}

// Commands are what a client of a mount does, as commands for a shell, with {number},
// {code}, {user}, {member}, {secret}, {app} and {token}, each within single quotes.
type Commands struct {
	Base        string // where the mount is; "": not known
	Login, Call string // Login with {base}; "": there is none
	LoginRemark string // for whoever runs it, or why there is none
	CallRemark  string
	Robot       string // how the name of {user} begins, and that of {member} does not; "": as any
}

// Customer is whose client it is.
type Customer struct {
	Tenant string   // code
	Codes  []string // of the account and those above it, as far as they can be seen
	Level  string
}

// Risk is a rule of good practice that the dialect breaks by itself, and what is done
// about it.
type Risk struct{ What, Clause, Answer string }

// dialectPage is a dialect and its mounts.
type dialectPage struct {
	Dialect
	Mounts []mountRow
}

type mountRow struct {
	api.Mount
	Life string
	Base string
}

// dialects shows what is mounted, and what is weak about it.
func (v *visit) dialects() error {
	s, err := ask(v, (*admin.Admin).ServerShow, api.Nothing{})
	if err != nil {
		return err
	}
	var list []dialectPage
	for _, d := range v.o.Dialects {
		p := dialectPage{Dialect: d}
		for i := range s.Mounts {
			if m := &s.Mounts[i]; m.Dialect == d.Name {
				p.Mounts = append(p.Mounts, mountRow{*m, life(&m.Life), v.o.Commands(m.Name, Customer{}).Base})
			}
		}
		if len(p.Mounts) > 0 {
			list = append(list, p)
		}
	}
	v.show(http.StatusOK, "dialects", "Dialects", list)
	return nil
}
