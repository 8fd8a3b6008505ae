// Package sbt speaks the login of SolutionsByText's API 1.0, AuthenticateAPIKey.
//
// An API key, which names its account by itself, is answered with a security
// token. One operation has two faces: SOAP 1.1 at WSServices and JSON at
// RSServices, as WCF serves them. Later calls carry the token as the argument
// securityToken, beside it orgCode, which has to be the key's own node of the
// organization's tree or one below. The key says how long its tokens live, in six
// settings from "Expire On New" to "Never Expires". This is from the vendor's
// pages "Authenticate API Key", "RequestVBT", "SendMessage" and its list of
// methods and codes; what JSON looks like on the wire is from a client in the
// field.
//
// Where the vendor says nothing, this package does what WCF does or chose, and
// says so with the word "inferred". It reads XML within bounds and writes it from
// templates. It must not know how keys, accounts and sessions are kept.
package sbt
