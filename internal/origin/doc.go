// Package origin says where a request came from: the client's address, and
// whether nobody could listen on the way.
//
// What a request says of itself in headers is believed only if it comes
// directly from a trusted proxy. It reads X-Forwarded-For and X-Forwarded-Proto,
// as every proxy in use writes them, and not Forwarded (RFC 7239): a proxy that
// sets the one passes the other on as the client wrote it, and believing both
// would let the client choose.
//
// It knows no domain words and does no input or output. It stands on the path
// of every request and does not allocate, except for request ids.
package origin
