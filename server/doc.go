// Package server puts the parts together: it is the only package that imports
// all of them, and nothing but commands imports it.
//
// It owns what no part can know alone: which dialects there are (dialects.go),
// which stores (stores.go), what is mounted where (server.go), how the
// program listens and stops (listen.go, tls.go, http.go, run.go), and what it
// says of itself (observe.go, health.go). A [Server] is the whole program as a
// value, so a test starts one like the command does.
//
// It must not contain rules: who may log in, what a token is worth and which
// bytes answer belong to auth and to the dialects.
package server
