package console

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

// sessionsPage is a list of sessions.
type sessionsPage struct {
	Query    api.SessionQuery
	Dialects []string
	Items    []api.Session
	Next     string
	Of       string // whose they are, in words; "": everybody's
	EndAll   string // the page that ends all of them; "": of too many to say
}

// sessions lists sessions.
func (v *visit) sessions() error {
	p := &sessionsPage{Query: api.SessionQuery{Page: api.Page{After: v.r.FormValue("after"), Limit: perPage},
		Dialect: v.r.FormValue("dialect"), Live: v.r.FormValue("all") == ""}}
	who, err := v.whose()
	if err != nil {
		return err
	}
	p.Query.Key, p.Query.User, p.Query.Account = who.Key, who.User, who.Account
	if who != (api.EndAll{}) {
		f := &form{}
		if err := v.nameWhose(f, who); err != nil {
			return err
		}
		p.Of, p.EndAll = f.Facts[0].Name+" "+f.Facts[0].Value, "/sessions/end-all?"+whoseQuery(who)
	}
	list, err := ask(v, (*admin.Admin).SessionList, p.Query)
	if err != nil {
		return err
	}
	p.Items, p.Next = list.Items, list.Next
	for _, d := range v.o.Dialects {
		p.Dialects = append(p.Dialects, d.Name)
	}
	v.show(http.StatusOK, "sessions", "Sessions", p)
	return nil
}

// whose reads the key, user or account of a request.
func (v *visit) whose() (who api.EndAll, err error) {
	for name, to := range map[string]*int64{"key": &who.Key, "user": &who.User, "account": &who.Account} {
		if *to, err = v.number(name); err != nil {
			return who, err
		}
	}
	return who, nil
}

func whoseQuery(who api.EndAll) string {
	for name, id := range map[string]int64{"key": who.Key, "user": who.User, "account": who.Account} {
		if id != 0 {
			return name + "=" + strconv.FormatInt(id, 10)
		}
	}
	return ""
}

// nameWhose says in words whose sessions are meant, and where they are shown.
func (v *visit) nameWhose(f *form, who api.EndAll) error {
	switch {
	case who.Key != 0:
		k, err := ask(v, (*admin.Admin).KeyShow, api.ByID{ID: who.Key})
		f.Back, f.Facts = keyPath(who.Key), []fact{{"Key", k.Name}}
		return err
	case who.User != 0:
		u, err := ask(v, (*admin.Admin).UserShow, api.ByID{ID: who.User})
		f.Back, f.Facts = userPath(who.User), []fact{{"User", u.Name}}
		return err
	case who.Account != 0:
		a, err := ask(v, (*admin.Admin).AccountShow, api.ByID{ID: who.Account})
		if err != nil {
			return err
		}
		f.Back, f.Facts = accountPath(who.Account), []fact{{"Account", titleOf(&a)}}
		return nil
	}
	return errNowhere
}

// sessionShow shows a session.
func (v *visit) sessionShow() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	s, err := ask(v, (*admin.Admin).SessionShow, api.ByID{ID: id})
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "session", "Session "+strconv.FormatInt(id, 10), s)
	return nil
}

// sessionEnd ends a session. Its own session is ended by signing out.
func (v *visit) sessionEnd() error {
	id, err := v.id()
	if err != nil {
		return err
	}
	if _, err := ask(v, (*admin.Admin).SessionEnd, api.Removal{ID: id, NoteGone: noteGone(v.r.PostForm)}); err != nil {
		return err
	}
	return v.see(withDid(local(v.r.PostForm.Get("back")), "ended"))
}

// sessionEndAll ends all sessions of a key, user or account, once it was seen how many
// there are.
func (v *visit) sessionEndAll() error {
	who, err := v.whose()
	if err != nil {
		return err
	}
	f := &form{Title: "End all sessions", Submit: "End them now", Intro: "Calls with their tokens are refused at once here, and within a second on every other node. Whoever has the secret can log in again."}
	if !admin.May(v.by, &api.SessionEndAll.Operation) {
		f.Title, f.Submit, f.Intro = "What would end", "", ""
	}
	if err := v.nameWhose(f, who); err != nil {
		return err
	}
	if err := v.wouldEnd(f, who); err != nil {
		return err
	}
	for name, id := range map[string]int64{"key": who.Key, "user": who.User, "account": who.Account} {
		if id != 0 {
			f.Fields = append(f.Fields, &field{Name: name, Type: "hidden", Value: strconv.FormatInt(id, 10)})
		}
	}
	return v.submit(f, func(in url.Values) error {
		who.Note = note(in)
		n, err := ask(v, (*admin.Admin).SessionEndAll, who)
		if err != nil {
			return err
		}
		return v.see(f.Back + "?did=ended&n=" + strconv.Itoa(n.Ended))
	})
}

// withDid adds what was done to a path of the console.
func withDid(path, did string) string {
	u, err := url.Parse(path)
	if err != nil {
		return "/"
	}
	q := u.Query()
	q.Set("did", did)
	u.RawQuery = q.Encode()
	return u.String()
}
