// Package api is what the administration API says on the wire: its operations, as one
// table, and the types that they take and give. The server makes its routes and the
// OpenAPI document of it, the client its requests, so that none of the three can
// differ from the others.
//
// It imports nothing of Sallyport. Who may do what, and what a change means, is
// package admin's; what a value must look like is package auth's.
//
// Names are in snake case, times in RFC 3339 and UTC, spans as in the configuration
// (30s, 20m, 12h, 7d, 1y), ids are numbers. A field of an update that is left out
// stays as it is.
package api
