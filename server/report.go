package server

import (
	"encoding/json"
	"io"
)

// report is what a command tells at its end: to people in its own words, to programs
// as its fields.
type report interface{ people() string }

// tell writes a report: for people, or as one line of JSON.
func tell(w io.Writer, asJSON bool, r report) error {
	if !asJSON {
		_, err := io.WriteString(w, r.people())
		return err
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // it is JSON, and commands to paste are in it
	return e.Encode(r)
}
