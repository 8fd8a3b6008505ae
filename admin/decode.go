package admin

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// What is wrong with a request before anybody looks at its values.
var (
	errMediaType = errors.New("the body must be JSON: send Content-Type: application/json")
	errTooLarge  = errors.New("the body is too large")
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// decode reads an operation's input: its fields tagged path, query and json. What is
// not a field, or is there twice, is refused: a slip must not pass as "not stated".
func decode(r *http.Request, into any) error {
	v := reflect.ValueOf(into).Elem()
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	body := false
	for _, f := range reflect.VisibleFields(v.Type()) {
		field := func() reflect.Value { return v.FieldByIndex(f.Index) }
		if name := f.Tag.Get("path"); name != "" {
			if err := parse(name, r.PathValue(name), field()); err != nil {
				return err
			}
		}
		if name := f.Tag.Get("query"); name != "" {
			text, ok := query[name]
			delete(query, name)
			if ok {
				if err := parse(name, text, field()); err != nil {
					return err
				}
				if f.Tag.Get("zero") == "no" && field().IsZero() {
					return invalid(name, "is 1 at least, or not stated")
				}
			}
		}
		body = body || f.Tag.Get("json") != ""
	}
	for name := range query {
		return invalid(shortName(name), "is not a parameter of this")
	}
	if !body {
		return nil
	}
	return decodeBody(r, v)
}

func readQuery(r *http.Request) (map[string]string, error) {
	out := map[string]string{}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("query", "cannot be read")
	}
	for name, list := range values {
		if len(list) > 1 {
			return nil, invalid(shortName(name), "is stated twice")
		}
		out[name] = list[0]
	}
	return out, nil
}

// shortName is what an error repeats of a name that a client made up: the name
// itself, for programs to compare, unless it holds what nobody should print.
func shortName(name string) string {
	quoted := strconv.Quote(strings.ToValidUTF8(name[:min(len(name), 40)], "?"))
	return quoted[1 : len(quoted)-1]
}

// parse reads a value of the URL.
func parse(name, text string, v reflect.Value) error {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch into := v.Addr().Interface().(type) {
	case *time.Time:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil || t.Year() < 1970 || t.Year() > 9999 {
			return invalid(name, "is not a time: write it like 2026-01-31T12:00:00Z")
		}
		*into = t.UTC()
		return nil
	case encoding.TextUnmarshaler:
		if err := into.UnmarshalText([]byte(text)); err != nil {
			return invalid(name, "%v", err)
		}
		return nil
	}
	var err error
	switch v.Kind() { // a test shows that inputs have no other kind
	case reflect.String:
		v.SetString(text)
	case reflect.Int64, reflect.Int:
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		if n < 0 || (text != "" && text[0] == '+') {
			err = strconv.ErrRange
		}
		v.SetInt(n)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	default:
		return invalid(name, "cannot be read here")
	}
	if err != nil {
		return invalid(name, "is neither a whole number nor true or false, whichever it has to be")
	}
	return nil
}

// decodeBody reads the fields tagged json, by their exact names.
func decodeBody(r *http.Request, v reflect.Value) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return errMediaType
	}
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return errTooLarge
	case err != nil:
		return invalid("body", "could not be read")
	}
	fields := map[string]reflect.StructField{}
	for _, f := range reflect.VisibleFields(v.Type()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f
		}
	}
	return members(text, func(name string, raw json.RawMessage) error {
		f, ok := fields[name]
		if !ok {
			return invalid(shortName(name), "is not a field of this, or is there twice")
		}
		delete(fields, name)
		into := json.NewDecoder(bytes.NewReader(raw))
		into.DisallowUnknownFields()
		if err := into.Decode(v.FieldByIndex(f.Index).Addr().Interface()); err != nil {
			return invalid(name, "%s", why(err))
		}
		return nil
	})
}

// members calls f for each member of a JSON object.
func members(text []byte, f func(name string, raw json.RawMessage) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	bad := invalid("body", "is not one JSON object")
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return bad
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return bad
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return bad
		}
		if err := f(name, raw); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return bad
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad
	}
	return nil
}

// why is what is wrong with a value, without the value.
func why(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return "has the wrong type: it is a " + kind.Value
	}
	var syntax *json.SyntaxError
	var at *time.ParseError
	switch {
	case errors.As(err, &at):
		return "is not a time: write it like 2026-01-31T12:00:00Z"
	case errors.As(err, &syntax):
		return "is not JSON"
	}
	return err.Error() // of our own texts
}
