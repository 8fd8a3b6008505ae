package postgres

import (
	"encoding/binary"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Columns are sent as arrays, and a group of logins is fourteen of them. pgx
// encodes any array of anything, one element after the other through an interface:
// with the group's rows that was a third of what a writer computes for a commit.
// What columns are made of is encoded here, to the same bytes.

// arrays are the types that are, by the element's.
var arrays = []struct {
	name          string
	array, single uint32
}{
	{"_int8", pgtype.Int8ArrayOID, pgtype.Int8OID},
	{"_int4", pgtype.Int4ArrayOID, pgtype.Int4OID},
	{"_bool", pgtype.BoolArrayOID, pgtype.BoolOID},
	{"_bytea", pgtype.ByteaArrayOID, pgtype.ByteaOID},
	{"_text", pgtype.TextArrayOID, pgtype.TextOID},
}

// encodeArrays has a new connection encode them so.
func encodeArrays(c *pgx.Conn) {
	for _, a := range arrays {
		t, ok := c.TypeMap().TypeForOID(a.array)
		if ok {
			c.TypeMap().RegisterType(&pgtype.Type{Name: a.name, OID: a.array, Codec: arrayCodec{t.Codec, a.single}})
		}
	}
}

// arrayCodec is pgx's own but for slices of what a column holds.
type arrayCodec struct {
	pgtype.Codec
	element uint32
}

// PreferredFormat is binary for text too, which is shorter than a list in quotes.
func (arrayCodec) PreferredFormat() int16 { return pgtype.BinaryFormatCode }

// PlanEncode is asked once for each type of value.
func (c arrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode && c.element == elementOf(value) {
		return arrayPlan(c)
	}
	return c.Codec.PlanEncode(m, oid, format, value)
}

// elementOf is the type that a slice's elements are encoded as here; 0: none.
func elementOf(value any) uint32 {
	switch value.(type) {
	case []int64:
		return pgtype.Int8OID
	case []int32:
		return pgtype.Int4OID
	case []bool:
		return pgtype.BoolOID
	case [][]byte:
		return pgtype.ByteaOID
	case []string:
		return pgtype.TextOID
	}
	return 0
}

type arrayPlan arrayCodec

// Encode appends an array of one dimension as array_send writes it: dimensions,
// whether there are NULLs, the element's type, how many there are and the number of
// the first; then each element behind its length.
func (p arrayPlan) Encode(value any, b []byte) ([]byte, error) {
	switch list := value.(type) {
	case []int64:
		return column(p, b, list, 8, binary.BigEndian.AppendUint64, func(v int64) uint64 { return uint64(v) }), nil
	case []int32:
		return column(p, b, list, 4, binary.BigEndian.AppendUint32, func(v int32) uint32 { return uint32(v) }), nil
	case []bool:
		return column(p, b, list, 1, func(b []byte, v byte) []byte { return append(b, v) }, bit), nil
	case []string:
		if list == nil {
			return nil, nil
		}
		b = p.head(b, len(list), false)
		for _, v := range list {
			b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
			b = append(b, v...)
		}
	case [][]byte:
		if list == nil {
			return nil, nil
		}
		b = p.bytes(b, list)
	}
	return b, nil
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// column appends elements that are all as long.
func column[T, U any](p arrayPlan, b []byte, list []T, size uint32, put func([]byte, U) []byte, as func(T) U) []byte {
	if list == nil {
		return nil
	}
	b = p.head(b, len(list), false)
	for _, v := range list {
		b = binary.BigEndian.AppendUint32(b, size)
		b = put(b, as(v))
	}
	return b
}

// bytes writes a nil slice as NULL.
func (p arrayPlan) bytes(b []byte, list [][]byte) []byte {
	const null = ^uint32(0)
	nulls := false
	for _, v := range list {
		nulls = nulls || v == nil
	}
	b = p.head(b, len(list), nulls)
	for _, v := range list {
		if v == nil {
			b = binary.BigEndian.AppendUint32(b, null)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
		b = append(b, v...)
	}
	return b
}

func (p arrayPlan) head(b []byte, n int, nulls bool) []byte {
	const dimensions, first = 1, 1
	hasNull := uint32(0)
	if nulls {
		hasNull = 1
	}
	for _, v := range [...]uint32{dimensions, hasNull, p.element, uint32(n), first} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
