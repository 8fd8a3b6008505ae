package move

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Row is the values of a table's columns, in their order, each as its [Kind] says.
type Row []any

// KeyOf is the part of a row that names it; nil of no row.
func (t *Table) KeyOf(r Row) Row {
	if r == nil {
		return nil
	}
	return r[:t.Key]
}

// Describe is a key for people. It has no secret: digests and hashes are not keys.
func (t *Table) Describe(r Row) string {
	parts := make([]string, t.Key)
	for i := range parts {
		switch v := r[i].(type) {
		case []byte:
			parts[i] = hex.EncodeToString(v)
		case string:
			parts[i] = strconv.Quote(v)
		default:
			parts[i] = fmt.Sprint(v)
		}
		if t.Key > 1 {
			parts[i] = t.Columns[i].Name + " " + parts[i]
		}
	}
	return "table " + t.Name + ", key " + strings.Join(parts, ", ")
}

// compare says which of two rows comes first, by their keys.
func (t *Table) compare(a, b Row) int {
	for i := range t.Key {
		order := 0
		switch x := a[i].(type) {
		case int64:
			order = cmp.Compare(x, b[i].(int64))
		case string:
			order = strings.Compare(x, b[i].(string))
		case []byte:
			order = bytes.Compare(x, b[i].([]byte))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// differing is the first column in which two rows are not the same; "": none.
func (t *Table) differing(a, b Row) string {
	for i, c := range t.Columns {
		if !same(a[i], b[i]) {
			return c.Name
		}
	}
	return ""
}

func same(a, b any) bool {
	x, bytesA := a.([]byte)
	y, bytesB := b.([]byte)
	if bytesA || bytesB {
		return bytesA && bytesB && bytes.Equal(x, y)
	}
	return a == b
}

// size is about how many bytes a row takes in memory.
func (r Row) size() int {
	n := 24 * len(r)
	for _, v := range r {
		switch v := v.(type) {
		case string:
			n += len(v)
		case []byte:
			n += len(v)
		}
	}
	return n
}

// DifferenceError says that a row did not arrive as it was. It names the row and
// no value.
type DifferenceError struct {
	Table string
	Key   string // for people
	What  string
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("%s: %s: the target is not a copy: begin again with an empty one", e.Key, e.What)
}

func (t *Table) difference(r Row, what string) error {
	return &DifferenceError{Table: t.Name, Key: t.Describe(r), What: what}
}
