//go:build unix

package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// TestLongAuditIsCompressedFast looks at how the server keeps the events of a group.
// Where it has no LZ4 there is nothing to see.
func TestLongAuditIsCompressedFast(t *testing.T) {
	s := openAt(t, inSchema(t, t.Name()), Options{})
	var offered bool
	err := s.cold.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))").Scan(&offered)
	if err != nil {
		t.Fatal(err)
	}
	if !offered {
		t.Skip("this PostgreSQL has no LZ4")
	}
	e := audit.Event{At: time.Now().UTC(), Kind: audit.Login, Detail: strings.Repeat("a group of logins is as long as this. ", 200)}
	if _, err := s.Apply(t.Context(), &auth.WriteSet{Events: []audit.Event{e}}); err != nil {
		t.Fatal(err)
	}
	var how *string
	if err := s.cold.QueryRow(t.Context(), "SELECT pg_column_compression(body) FROM audit_batches ORDER BY seq DESC LIMIT 1").Scan(&how); err != nil {
		t.Fatal(err)
	}
	if how == nil || *how != "lz4" {
		t.Errorf("compressed by %v", how)
	}
}
