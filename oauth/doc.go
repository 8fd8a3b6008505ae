// Package oauth speaks OAuth 2.0: the dialect that customers of the old ones can
// move to, with the account and the key that they have.
//
// A client is an account. Its number or code is the client id, and any of its API
// keys is the client secret. It gets tokens with the client credentials grant (RFC
// 6749, 4.4), presents them as Bearer tokens (RFC 6750) and gives them up (RFC
// 7009). A back end with the role delegate gets sessions of users by token exchange
// (RFC 8693). The API behind Sallyport, as a verifier, asks about a token of any
// dialect (RFC 7662). Where all that is stands in the metadata (RFC 8414).
//
// There is no password grant (RFC 9700, 2.4), and there are no refresh tokens: a
// client that holds its secret gets another token with it (RFC 6749, 4.4.3).
//
// This package must not know how accounts, keys and sessions are kept, nor any
// other dialect: what a token of another one is, that one says ([dialect.Reader]).
package oauth
