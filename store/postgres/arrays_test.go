//go:build unix

package postgres

import (
	"bytes"
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/auth"
)

// TestArraysAreEncodedAsPgxDoes holds the bytes against those of pgx.
func TestArraysAreEncodedAsPgxDoes(t *testing.T) {
	ctx := context.Background()
	c, err := pgx.Connect(ctx, need(t).URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	encodeArrays(c)
	ours, theirs := c.TypeMap(), pgtype.NewMap()
	short := rapid.SliceOfN(rapid.Byte(), 0, 40)
	maybe := rapid.OneOf(short, rapid.Just([]byte(nil)))
	rapid.Check(t, func(t *rapid.T) {
		for oid, value := range map[uint32]any{
			pgtype.Int8ArrayOID:  rapid.OneOf(rapid.SliceOf(rapid.Int64()), rapid.Just([]int64(nil))).Draw(t, "longs"),
			pgtype.ByteaArrayOID: rapid.OneOf(rapid.SliceOf(maybe), rapid.Just([][]byte(nil))).Draw(t, "bytes"),
			pgtype.TextArrayOID:  rapid.OneOf(rapid.SliceOf(rapid.String()), rapid.Just([]string(nil))).Draw(t, "text"),
		} {
			for _, before := range [][]byte{{}, []byte("what stands before")} {
				got, err1 := ours.Encode(oid, pgtype.BinaryFormatCode, value, bytes.Clone(before))
				want, err2 := theirs.Encode(oid, pgtype.BinaryFormatCode, value, bytes.Clone(before))
				if err1 != nil || err2 != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
					t.Fatalf("%T %v: %x, %v; pgx: %x, %v", value, value, got, err1, want, err2)
				}
			}
			if f := ours.FormatCodeForOID(oid); f != pgtype.BinaryFormatCode {
				t.Fatalf("%T is sent as format %d", value, f)
			}
		}
	})
}

// TestArraysInEveryMode writes a row in each way that a URL may ask for.
func TestArraysInEveryMode(t *testing.T) {
	url := inSchema(t, t.Name())
	for i, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		s := openAt(t, url+"&default_query_exec_mode="+mode, Options{})
		row := benchRow(int64(1 + i))
		row.Attrs = `{"a":"quoted, \ and ''"}`
		if _, err := s.Apply(t.Context(), &auth.WriteSet{Begin: []auth.SessionRow{row}}); err != nil {
			t.Errorf("%s: %v", mode, err)
			continue
		}
		if got, err := s.Session(t.Context(), row.ID); err != nil || got != row {
			t.Errorf("%s: %+v, %v; want %+v", mode, got, err, row)
		}
	}
}
