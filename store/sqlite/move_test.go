package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/storetest"
)

func TestAllIsMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	openTest(t, path, Options{})
	c, err := openConn(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.close() }()
	kinds := map[string][]move.Kind{"INTEGER": {move.Int, move.Bool}, "TEXT": {move.Text, move.Raw}, "BLOB": {move.Bytes}}
	var schema []storetest.Column
	err = c.query(func(r row) error {
		column := storetest.Column{Table: r.text(0), Name: r.text(1), Kinds: kinds[r.text(2)], Key: r.int(4) > 0}
		if !r.bool(3) && !column.Key && r.text(2) == "INTEGER" {
			column.Kinds = []move.Kind{move.OptionalInt}
		}
		schema = append(schema, column)
		return nil
	}, `SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	storetest.AllIsMoved(t, schema, map[string]string{
		"begun":            "made of the sessions at the end of a move",
		"owned":            "made of the sessions at the end of a move",
		"moves":            "about this database",
		"goose_db_version": "about this database",
		"history":          "about this database",
		"feed.mark":        "followers are to begin afresh in the target",
		"sqlite_sequence":  "SQLite's own",
	})
}
