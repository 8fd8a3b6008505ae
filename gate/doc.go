// Package gate checks the calls that go to the API behind Sallyport.
//
// It owns the decision: which mounts cover a call, what token the call carries
// there, whose session that opens, and, if it opens none, in which dialect's
// words the call is refused. It asks the core and decides nothing about
// sessions itself. Its faces share the decision:
//
//   - [Gate.Check] answers GET /-/check, the forward-auth of a proxy in front
//     (Traefik, Caddy, nginx), about a call that the proxy describes in headers;
//   - [Gate.ExtAuthz] answers Envoy, which describes the call in a message;
//   - [Gate.Proxy] passes on calls to the API of their route, without their
//     credential, and is the proxy itself.
//
// [Feed] answers GET /-/feed, for processes that check by themselves what they
// asked once: it tells them what ended.
//
// It also owns the identity headers, [AccountHeader] and its siblings: nobody
// else may set them, and what a client sends under those names, in any spelling
// that a server behind might take for them, never gets through.
//
// # What a proxy has to send
//
// A description is believed only from a trusted proxy, which must set all of
// it, so that nothing of it is left to the client:
//
//	X-Forwarded-Proto                        https, or the call is refused
//	X-Forwarded-Host                         without it the Host header counts
//	X-Forwarded-Uri or X-Original-URI        path and query; X-Original-URL: all of the URL
//	X-Forwarded-Method or X-Original-Method  optional
//
// Traefik and Caddy send these by themselves; an nginx configuration says
// proxy_set_header. A header that comes twice, and two headers that disagree,
// are refused: one of them is the client's. Anybody else who asks is answered
// about the request they sent.
//
// # What the statuses mean
//
// A proxy takes any 2xx for "allowed", so a refusal never has one, even in a
// dialect whose own refusals do: see [Gate.Check].
//
// The check of a cached session is the hottest path of the program: it writes
// no log line above debug, keeps nothing in a context, and allocates what
// net/http needs and little more.
package gate
