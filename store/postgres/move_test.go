//go:build unix

package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport/sallyport/store/move"
	"github.com/sallyport/sallyport/store/storetest"
)

func TestAllIsMoved(t *testing.T) {
	url := inSchema(t, t.TempDir())
	openAt(t, url, Options{})
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	rows, err := conn.Query(t.Context(), `SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES',
		EXISTS (SELECT 1 FROM information_schema.key_column_usage k WHERE k.table_schema = c.table_schema AND k.table_name = c.table_name
			AND k.column_name = c.column_name AND k.constraint_name = c.table_name || '_pkey')
		FROM information_schema.columns c WHERE table_schema = current_schema()`)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string][]move.Kind{"smallint": {move.Int}, "integer": {move.Int}, "bigint": {move.Int}, "boolean": {move.Bool},
		"text": {move.Text}, "bytea": {move.Raw, move.Bytes}}
	var schema []storetest.Column
	var c storetest.Column
	var what string
	var optional bool
	_, err = pgx.ForEachRow(rows, []any{&c.Table, &c.Name, &what, &optional, &c.Key}, func() error {
		if c.Kinds = kinds[what]; optional {
			c.Kinds = nil
			if what == "bigint" {
				c.Kinds = []move.Kind{move.OptionalInt}
			}
		}
		schema = append(schema, c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	storetest.AllIsMoved(t, schema, map[string]string{
		"turns":            "locks",
		"rounds":           "how far nodes have come in sweeping",
		"feed.mark":        "followers are to begin afresh in the target",
		"commits":          "of writers that are gone",
		"moves":            "about this database",
		"goose_db_version": "about this database",
	})
}
