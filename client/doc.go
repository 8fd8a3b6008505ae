// Package client is the Go client of the administration API: one method for each
// operation of the table in package admin/api, whose types it takes and gives.
//
// An error of an operation is an [*Error] with the problem that the server reports
// (RFC 9457); everything else is trouble on the way, after which it is not known
// whether anything was changed. Nothing is tried twice.
package client
