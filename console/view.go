package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

//go:embed templates
var templateFiles embed.FS

// view is what a template is given.
type view struct {
	Title   string
	Section string // of the navigation
	Token   string // of forms
	Did     string // what was just done
	Data    any

	v *visit
}

// SignedIn says whether somebody is.
func (p *view) SignedIn() bool { return p.v.by != nil }

// Who is the name of whoever is signed in.
func (p *view) Who() string { return p.v.by.Subject }

// Role is what whoever is signed in is.
func (p *view) Role() string {
	if p.v.by.Everywhere {
		return string(p.v.by.Role)
	}
	return string(p.v.by.Role) + " of " + strings.Join(p.v.by.PathRefs, " / ")
}

// Everywhere says whether the role reaches the whole server.
func (p *view) Everywhere() bool { return p.v.by.Everywhere }

// Can says whether whoever is signed in may do what an operation of this name does.
func (p *view) Can(name string) bool {
	for _, op := range api.Operations() {
		if op.Name == name {
			return admin.May(p.v.by, op)
		}
	}
	panic("console: there is no operation " + name)
}

// CanPower says whether a key or user with such a role may be changed by whoever is
// signed in: only owners touch those.
func (p *view) CanPower(name string, power api.Power) bool {
	return p.Can(name) && (power.Role == "" || (p.v.by.Role == "owner" && (!power.Everywhere || p.v.by.Everywhere)))
}

// CanPolicies says whether the policies, which are the whole server's, may be changed.
func (p *view) CanPolicies() bool { return p.Can("policy update") && p.v.by.Everywhere }

// Factorless says that nothing but a second factor is to be had.
func (p *view) Factorless() bool { return p.v.lacksFactor() }

// Next is the page's own address with another place to go on from.
func (p *view) Next(after string) string {
	q := p.v.r.URL.Query()
	q.Del("did")
	q.Set("after", after)
	return p.v.r.URL.Path + "?" + q.Encode()
}

// First says whether this is the first page of a list.
func (p *view) First() bool { return p.v.r.URL.Query().Get("after") == "" }

// Start is the address of the first page.
func (p *view) Start() string {
	q := p.v.r.URL.Query()
	q.Del("after")
	q.Del("did")
	return (&url.URL{Path: p.v.r.URL.Path, RawQuery: q.Encode()}).String()
}

// show writes a page.
func (v *visit) show(status int, name, title string, data any) {
	v.showWith(status, name, title, data, v.formTokenOf())
}

func (v *visit) showWith(status int, name, title string, data any, token string) {
	p := &view{Title: title, Section: section(v.r.URL.Path), Token: token, Data: data, v: v, Did: did(v.r.URL.Query())}
	var body bytes.Buffer
	if err := v.pages[name].ExecuteTemplate(&body, "page", p); err != nil {
		v.log.Error("a page could not be made", "page", name, "request", v.peer.Request, "error", err)
		body.Reset()
		body.WriteString("sallyport: this page could not be made: see the server's log")
		status = http.StatusInternalServerError
	}
	v.status = status
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body.Bytes())
}

// section is the entry of the navigation that a path belongs to.
func section(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "keys", "users", "apps":
		return "accounts"
	}
	return first
}

// parse reads the templates: each page with the frame and the parts that all share.
func (c *Console) parse() (map[string]*template.Template, error) {
	frame, err := template.New("").Funcs(c.funcs()).ParseFS(templateFiles, "templates/frame.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, f := range names {
		name := strings.TrimSuffix(f.Name(), ".html")
		if name == "frame" || name == "parts" {
			continue
		}
		own, err := frame.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = own.ParseFS(templateFiles, "templates/"+f.Name()); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

func (c *Console) funcs() template.FuncMap {
	return template.FuncMap{
		"time":    c.timed,
		"count":   count,
		"percent": func(share float64) string { return strconv.FormatFloat(100*share, 'f', 0, 64) + " %" },
		"path":    func(refs []string) string { return strings.Join(refs, " / ") },
		"holding": func(p *view, data any) *view { own := *p; own.Data = data; return &own },
		"query": func(pairs ...any) string {
			q := url.Values{}
			for i := 0; i+1 < len(pairs); i += 2 {
				q.Set(fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1]))
			}
			return q.Encode()
		},
	}
}

// moment is a time as pages show it.
type moment struct{ Exact, Short, Machine, Ago string }

// timed takes a time.Time or a pointer to one; nil and zero are never.
func (c *Console) timed(at any) *moment {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	}
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	short := t.Format("2006-01-02 15:04:05")
	return &moment{short + " UTC", short, t.Format(time.RFC3339), ago(c.service.Now().Sub(t))}
}

// ago is a distance in time in words.
func ago(d time.Duration) string {
	if d < 0 {
		return "in " + about(-d)
	}
	if d < 5*time.Second {
		return "just now"
	}
	return about(d) + " ago"
}

func about(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Hour:
		return strconv.Itoa(int((d+30*time.Second)/time.Minute)) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int((d+30*time.Minute)/time.Hour)) + " h"
	case d < 2*365*24*time.Hour:
		return strconv.Itoa(int((d+12*time.Hour)/(24*time.Hour))) + " days"
	}
	return strconv.Itoa(int(d/(365*24*time.Hour))) + " years"
}

// count writes a number with separators.
func count(n any) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
