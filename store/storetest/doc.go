// Package storetest is the suite that every store passes: each sentence of the
// contract in [auth.Store], with many callers at once, with a clock that the
// test turns, and across a restart. It knows no backend; what only one of them
// can do wrong is tested beside that one.
package storetest
