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

	// A login and a checked call as shell commands, with {base}, {number}, {code},
	// {user}, {secret}, {app} and {token}, each within single quotes.
	Login, Call string
	Bases       map[string]string // {base} of each mount, by its name
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
				p.Mounts = append(p.Mounts, mountRow{*m, life(&m.Life), d.Bases[m.Name]})
			}
		}
		if len(p.Mounts) > 0 {
			list = append(list, p)
		}
	}
	v.show(http.StatusOK, "dialects", "Dialects", list)
	return nil
}
