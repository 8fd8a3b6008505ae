// Package verify checks the calls to an API inside the API's own Go process,
// with Sallyport behind it:
//
//	v, err := verify.New(verify.Options{Server: "https://login.example.com", ClientID: "my-api", ClientSecret: key})
//	...
//	go v.Run(ctx)
//	http.ListenAndServe(addr, v.Handler(api, verify.Electa()))
//
// A token that was seen before is judged from memory, in less than a microsecond
// and without a word to the server. What ends at the server is heard of over its
// feed, GET /-/feed, which [Verifier.Run] follows.
//
// # What holds
//
// A verdict is at most [Options].Freshness old. It is given from memory only
// while the feed vouches for that span; else the server is asked, and its answer
// counts only if it comes within the span; else the call is refused with
// [ErrUnavailable]. So a session that was ended is refused within a second
// by default, whoever cuts, delays or replays the connection in between, and
// however the clocks of the two machines differ.
//
// Memory is bounded, and a token that opens nothing takes none of it. The
// questions that are asked at once are bounded too, and two calls with one token
// ask once.
//
// A session with an idle span is asked about again from time to time, so that it
// stays alive at the server while it is used here; it may end up to a quarter of
// the span early. One with a number of uses is asked about each time.
//
// # What it must not know
//
// How tokens are made, what they hold, and which are good: that is the server's
// business. Of the dialects it knows where their clients put things, see
// [Finder]. It imports nothing but the standard library.
package verify
