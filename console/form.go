package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// form is a page with a form, of which all changes are made. What a field is called is
// what the API calls it.
type form struct {
	Title  string
	Intro  string // what it does
	Facts  []fact // what it is about
	Submit string
	Danger bool   // it ends something
	Back   string // where "cancel" leads
	Fields []*field
	Failed *api.Problem
}

type fact struct{ Name, Value string }

// field is one thing to fill in.
type field struct {
	Name, Label, Hint string
	Type              string // text if empty; also area, select, check, password, moment, hidden
	Value             string
	Required          bool
	Options           []option
	Wrong             string // why it cannot be so
	Off               bool   // no autocompletion
}

type option struct{ Value, Label string }

// why is the last field of every form.
func why() *field {
	return &field{Name: "why", Label: "Why", Hint: "Optional. Goes into the audit."}
}

// submit shows a form, or takes it: do is what it does, with the values that were
// sent, and answers if it succeeds. What cannot be so is shown with the form, as it was
// filled in.
func (v *visit) submit(f *form, do func(url.Values) error) error {
	f.Fields = append(f.Fields, why())
	status := http.StatusOK
	if v.r.Method == http.MethodPost {
		err := do(v.r.PostForm)
		if err == nil || !mendable(err) {
			return err
		}
		p := admin.ProblemOf(err)
		f.Failed, status = &p, p.Status
		for _, fd := range f.Fields {
			if fd.Type != "password" {
				fd.Value = v.r.PostForm.Get(fd.Name)
			}
			if p.Field != "" && fd.Name == strings.TrimRight(p.Field, "[]0123456789") {
				fd.Wrong = p.Detail
			}
		}
	}
	v.show(status, "form", f.Title, f)
	return nil
}

// mendable says whether filling in the form otherwise would help.
func mendable(err error) bool {
	return errors.Is(err, auth.ErrInvalid) || errors.Is(err, auth.ErrExists) || errors.Is(err, auth.ErrConflict)
}

// note is what was said for the audit.
func note(f url.Values) api.Note { return api.Note{Why: strings.TrimSpace(f.Get("why"))} }

func noteGone(f url.Values) api.NoteGone { return api.NoteGone{Why: note(f).Why} }

// integer reads a number of a form; 0 if it is empty.
func integer(f url.Values, name string) (int64, error) {
	text := strings.TrimSpace(f.Get(name))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, &admin.InvalidField{Field: name, Why: "is not a number"}
	}
	return n, nil
}

// Forms of a moment: what browsers send, and what people type where they do not help.
var momentForms = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", time.RFC3339}

// at reads a moment in UTC; nil if it is empty.
func at(f url.Values, name string) (*time.Time, error) {
	text := strings.TrimSpace(f.Get(name))
	if text == "" {
		return nil, nil //nolint:nilnil // none is stated
	}
	for _, layout := range momentForms {
		if t, err := time.Parse(layout, text); err == nil {
			t = t.UTC()
			return &t, nil
		}
	}
	return nil, &admin.InvalidField{Field: name, Why: "is not a time: write it like 2027-01-31 00:00"}
}

// momentValue is a moment as its field has it.
func momentValue(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.UTC().Format(momentForms[0])
}

// span reads a length of time; nil if it is empty.
func span(f url.Values, name string) (*api.Span, error) {
	text := strings.TrimSpace(f.Get(name))
	if text == "" {
		return nil, nil //nolint:nilnil // none is stated
	}
	var s api.Span
	if err := s.UnmarshalText([]byte(text)); err != nil {
		return nil, &admin.InvalidField{Field: name, Why: err.Error()}
	}
	return &s, nil
}

// words reads a list: one a line, or separated by commas.
func words(f url.Values, name string) []string {
	return strings.FieldsFunc(f.Get(name), func(r rune) bool { return r == ',' || r == '\n' || r == '\r' || r == ' ' || r == '\t' })
}

func ticked(f url.Values, name string) bool { return f.Get(name) != "" }

// changed is the value of a field, if it is not what it was.
func changed(f url.Values, name, was string) *string {
	to := strings.TrimSpace(f.Get(name))
	if to == was {
		return nil
	}
	return &to
}

// changedTick is changed for a box.
func changedTick(f url.Values, name string, was bool) *bool {
	to := ticked(f, name)
	if to == was {
		return nil
	}
	return &to
}

func box(on bool) string {
	if on {
		return "on"
	}
	return ""
}
