// Package strict reads the YAML files that operators write into Go structs, and
// accepts nothing it does not understand. [Decode] takes one document,
// [DecodeAll] a stream of them.
//
// The library parses; this package decodes, because of what operators and
// attackers meet when a file is wrong:
//
//   - all problems are reported together, each with file, line, column, the path
//     of the field and what to write instead;
//   - the source is not quoted: with [Options].Secrets not even the offending
//     word is, so that an error can go to a log;
//   - a struct that embeds [Mark] knows later where it stood and which fields
//     were stated, for checks that only the caller can make;
//   - size, nesting and the number of tokens are bounded, and anchors, aliases,
//     merge keys and tags are refused, so no file can unfold into a larger one.
//
// Field names come from the yaml tag, else from the Go name (ExpireOnNew is
// expire_on_new). An enum tag lists the allowed words of a string field,
// separated by |; a like tag shows what to write where the file has a number, with
// a star in its place. Text that reads as a number or as true must be quoted: what
// YAML makes of an unquoted 0123 is no secret's business. Numbers are decimal and
// have no leading zeros, for the same reason.
//
// This package must not know what the fields mean.
package strict
