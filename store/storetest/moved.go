package storetest

import (
	"slices"
	"testing"

	"github.com/sallyport/sallyport/store/move"
)

// Column is a column of a store's schema.
type Column struct {
	Table, Name string
	Kinds       []move.Kind // as which it may be moved
	Key         bool        // it is in the primary key
}

// AllIsMoved makes sure that every column of a schema is moved from store to
// store, but for those that stay, a whole table or "table.column", each for its reason. Whoever adds a
// column adds a line to store/move/tables.go, and whoever adds a table a few, or a
// reason.
func AllIsMoved(t *testing.T, schema []Column, stays map[string]string) {
	t.Helper()
	seen := map[string]int{}
	for _, c := range schema {
		if stays[c.Table] != "" || stays[c.Table+"."+c.Name] != "" {
			continue
		}
		seen[c.Table]++
		i := slices.IndexFunc(move.Tables, func(t move.Table) bool { return t.Name == c.Table })
		if i < 0 {
			t.Errorf("table %s is not moved", c.Table)
			continue
		}
		table := &move.Tables[i]
		at := slices.IndexFunc(table.Columns, func(m move.Column) bool { return m.Name == c.Name })
		switch {
		case at < 0:
			t.Errorf("column %s of table %s is not moved", c.Name, c.Table)
		case !slices.Contains(c.Kinds, table.Columns[at].Kind):
			t.Errorf("column %s of table %s is not of kind %d", c.Name, c.Table, table.Columns[at].Kind)
		case c.Key && at >= table.Key:
			t.Errorf("column %s of table %s is in the key, but not when it is moved", c.Name, c.Table)
		}
	}
	for i := range move.Tables {
		if m := &move.Tables[i]; seen[m.Name] != len(m.Columns) {
			t.Errorf("table %s has %d columns, and %v are moved", m.Name, seen[m.Name], m.Names())
		}
	}
}
