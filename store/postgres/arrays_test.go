//go:build unix

package postgres

import (
	"bytes"
	"context"
	"testing"
	"time"

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
			pgtype.Int4ArrayOID:  rapid.OneOf(rapid.SliceOf(rapid.Int32()), rapid.Just([]int32(nil))).Draw(t, "ints"),
			pgtype.BoolArrayOID:  rapid.OneOf(rapid.SliceOf(rapid.Bool()), rapid.Just([]bool(nil))).Draw(t, "bits"),
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

// TestPlainSessionsAreKeptWhole begins sessions of which each has one thing that a
// plain one lacks, alone and beside plain ones.
func TestPlainSessionsAreKeptWhole(t *testing.T) {
	s := openAt(t, inSchema(t, t.Name()), Options{})
	id := int64(0)
	for _, change := range []func(*auth.SessionRow){
		func(*auth.SessionRow) {}, func(r *auth.SessionRow) { r.Idle = time.Minute }, func(r *auth.SessionRow) { r.Capped = 7 }, func(r *auth.SessionRow) { r.Uses = 3 },
		func(r *auth.SessionRow) { r.ExpireOnNew = true }, func(r *auth.SessionRow) { r.App = "app" }, func(r *auth.SessionRow) { r.Attrs = "attrs" },
	} {
		for _, others := range []int{0, 2} {
			var w auth.WriteSet
			for i := range 1 + others {
				id++
				w.Begin = append(w.Begin, benchRow(id))
				if i == 0 {
					change(&w.Begin[0])
				}
			}
			if _, err := s.Apply(t.Context(), &w); err != nil {
				t.Fatal(err)
			}
			for _, want := range w.Begin {
				if got, err := s.Session(t.Context(), want.ID); err != nil || got != want {
					t.Errorf("%+v, %v; want %+v", got, err, want)
				}
			}
		}
	}
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
