package strict

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrFile is in the chain of every error that says a file is wrong.
var ErrFile = errors.New("the file is wrong")

// Error is one problem of a file.
type Error struct {
	Name         string // of the file
	Line, Column int    // from 1; 0: the file as a whole
	Path         string // of the field, such as mounts[0].policy.span; "": none
	Message      string // what is wrong and what to write instead
}

// Error is file:line:column: path: message.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Name)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Unwrap makes errors.Is find [ErrFile].
func (e *Error) Unwrap() error { return ErrFile }

// shown bounds how many problems one error tells: who has more begins with
// these.
const shown = 20

// Errors are the problems of one file.
type Errors []*Error

// Error is a line for each problem, the first 20.
func (l Errors) Error() string {
	var b strings.Builder
	for i, e := range l {
		if i == shown {
			fmt.Fprintf(&b, "\nand %d more", len(l)-shown)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Unwrap makes errors.Is find [ErrFile].
func (l Errors) Unwrap() error { return ErrFile }

// Add notes a problem.
func (l *Errors) Add(e *Error) { *l = append(*l, e) }

// Err is the list in the order of the file, or nil when it is empty.
func (l Errors) Err() error {
	if len(l) == 0 {
		return nil
	}
	slices.SortStableFunc(l, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return l
}
