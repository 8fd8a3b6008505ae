// Package config owns the server's configuration: one YAML file to one [Config],
// read once at start. example.yaml, next to this file, documents every field.
//
// A file is right or the server does not start: an unknown field, a value of the
// wrong type, or one that makes no sense stops it, and the error names file,
// line, column and what to write instead. All that is wrong is told at once.
//
// Relative paths in the file start at its own folder: the same file means the
// same database to every command, wherever it is called.
//
// There are no overrides from the environment. The file holds no secret (the key
// set and the TLS key are files of their own), containers mount files as easily
// as they set variables, and so what runs is written down in one place.
//
// This package must not know the dialects: what one of them alone understands
// stands under a mount's options and is decoded by it, see [Mount.DecodeOptions].
package config
