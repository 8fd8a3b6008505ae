package api

import (
	"net/http"
	"reflect"
	"strings"
)

// Right is what an operation asks of its caller's role.
type Right string

// The rights. Each role has those of the roles before it: auditor, operator, owner.
const (
	Read  Right = "read"  // auditor
	Write Right = "write" // operator
)

// Operation is one line of the table.
type Operation struct {
	Name    string // noun and verb, the same in the API, the command line and the console
	Method  string
	Path    string // with {fields} of the input
	Right   Right
	DryRun  Right // what it asks where dry_run is stated; "": it has no such
	Summary string

	in, out reflect.Type
}

// Op is an operation with the types of its input and its output.
type Op[In, Out any] struct{ Operation }

func op[In, Out any](name, method, path string, right Right, summary string) Op[In, Out] {
	return Op[In, Out]{Operation{Name: name, Method: method, Path: Prefix + path, Right: right, Summary: summary,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}}
}

// dryRun gives an operation the right that its dry run asks: what it looks at.
func (o Op[In, Out]) dryRun(right Right) Op[In, Out] {
	o.DryRun = right
	return o
}

// Prefix is where the API is.
const Prefix = "/admin/v1"

// Input is the type of what the operation takes: fields tagged path and query are
// in the URL, those tagged json in the body.
func (o *Operation) Input() reflect.Type { return o.in }

// Output is the type of what it gives; [Lines] for a stream.
func (o *Operation) Output() reflect.Type { return o.out }

// Status is the status of a success.
func (o *Operation) Status() int {
	if o.Method == http.MethodPost && (strings.HasSuffix(o.Name, " create") || strings.HasSuffix(o.Name, " rotate")) {
		return http.StatusCreated
	}
	return http.StatusOK
}

// HasBody says whether the operation's input has a body.
func (o *Operation) HasBody() bool {
	for _, f := range reflect.VisibleFields(o.in) {
		if f.Tag.Get("json") != "" {
			return true
		}
	}
	return false
}

// Page is what every list takes.
type Page struct {
	After string `query:"after" doc:"where to go on: next of the page before"`
	Limit int    `query:"limit" zero:"no" doc:"entries a page, at most 1000; 100 if not stated"`
}

// Bounds of a page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// List is a page of a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"there may be more: pass it as after"`
}

// Note is what every change may say for the audit.
type Note struct {
	Why string `json:"why,omitempty" doc:"for the audit"`
}

// NoteGone is Note where there is no body.
type NoteGone struct {
	Why string `query:"why" doc:"for the audit"`
}

// Deleted is what a deletion gives.
type Deleted struct {
	Ended int `json:"ended" doc:"sessions that ended with it"`
}

// Lines stands for a stream of JSON, one value a line.
type Lines struct{}

// Nothing is no input.
type Nothing struct{}
