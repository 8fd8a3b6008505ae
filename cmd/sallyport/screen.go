package main

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/admin/api"
)

// screen is where people read.
type screen struct {
	io.Writer
	find *finder // for what accounts are called
}

func (s *screen) line(format string, args ...any) error {
	_, err := fmt.Fprintf(s, format+"\n", args...)
	return err
}

// record prints the fields of a value, one a line, by their names in the API. Empty
// ones that may be left out are.
func record[T any](s *screen, value *T) error {
	w := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	v := reflect.ValueOf(value).Elem()
	for _, f := range reflect.VisibleFields(v.Type()) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		field := v.FieldByIndex(f.Index)
		if name == "" || nested(f.Type) || (strings.Contains(options, "omitempty") && field.IsZero()) {
			continue
		}
		text, err := s.text(name, field)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\t%s\n", title(name), text); err != nil {
			return err
		}
	}
	return w.Flush()
}

// nested says whether a field is a record of its own, or several.
func nested(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[api.SourceOf]()
}

// table prints some fields of some values, by their names in the API.
func table[T any](s *screen, items []T, columns ...string) error {
	w := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	var heads []string
	var fields []reflect.StructField
	for _, name := range columns {
		heads = append(heads, strings.ToUpper(title(name)))
		fields = append(fields, column(reflect.TypeFor[T](), name)) // also of nothing, so that a test finds one that is not there
	}
	if len(items) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w, strings.Join(heads, "\t")); err != nil {
		return err
	}
	for i := range items {
		var row []string
		for j, name := range columns {
			text, err := s.text(name, reflect.ValueOf(&items[i]).Elem().FieldByIndex(fields[j].Index))
			if err != nil {
				return err
			}
			if text == "" || (text == "0" && strings.HasSuffix(fields[j].Tag.Get("json"), ",omitempty")) {
				text = "-"
			}
			row = append(row, text)
		}
		if _, err := fmt.Fprintln(w, strings.Join(row, "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// column is the field of a name in the API.
func column(t reflect.Type, name string) reflect.StructField {
	for _, f := range reflect.VisibleFields(t) {
		if field, _, _ := strings.Cut(f.Tag.Get("json"), ","); field == name {
			return f
		}
	}
	panic(t.String() + " has no field " + name) // a column that the API does not have
}

func title(name string) string { return strings.ReplaceAll(name, "_", " ") }

// text is a value for people. Whatever a client made up is in it, a name that it
// claimed for one: none of it may act on the terminal.
func (s *screen) text(name string, v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", nil
		}
		v = v.Elem()
	}
	switch value := v.Interface().(type) {
	case time.Time:
		if value.IsZero() {
			return "", nil
		}
		return value.UTC().Format(time.RFC3339), nil
	case bool:
		if value {
			return "yes", nil
		}
		return "no", nil
	case api.Span:
		if value == 0 {
			return "", nil
		}
		return value.String(), nil
	case float64:
		return strconv.FormatFloat(value, 'f', 2, 64), nil
	case []string:
		if name == "path" {
			return harmless(strings.Join(value, "/")), nil
		}
		return harmless(strings.Join(value, " ")), nil
	case []api.Dialogue:
		var list []string
		for _, one := range value {
			list = append(list, fmt.Sprintf("%s (%d)", one.Dialect, one.Logins))
		}
		return harmless(strings.Join(list, " ")), nil
	case []api.SourceOf:
		var list []string
		for _, one := range value {
			list = append(list, fmt.Sprintf("%s (%d)", one.Address, one.Logins))
		}
		return harmless(strings.Join(list, " ")), nil
	case string:
		return harmless(value), nil
	case int64:
		switch {
		case value == 0:
			return "", nil
		case name == "account" || name == "parent" || name == "tenant":
			path, err := s.find.path(value)
			return harmless(path), err
		}
	}
	return fmt.Sprint(v.Interface()), nil
}

// harmless replaces what a terminal would not simply show.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\ufffd'
	}, text)
}

// harmlessLines is harmless for a text of several lines, such as an error of a server.
func harmlessLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = harmless(line)
	}
	return strings.Join(lines, "\n")
}
