package api

// Problem is why an operation failed (RFC 9457).
type Problem struct {
	Type     string `json:"type" doc:"urn:sallyport:problem: and the code"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty" doc:"what to do"`
	Instance string `json:"instance,omitempty" doc:"the request, as in the log and the audit"`
	Field    string `json:"field,omitempty" doc:"of the input, that is wrong"`
}

// ProblemType is the media type of a problem.
const ProblemType = "application/problem+json"

// ProblemPrefix stands before the code of a problem's type.
const ProblemPrefix = "urn:sallyport:problem:"

// The codes of problems.
const (
	Unauthorized   = "unauthorized"    // 401: who asks is not known
	Forbidden      = "forbidden"       // 403: the caller's role does not extend to it
	NotFound       = "not-found"       // 404: there is no such thing in the caller's reach
	BadMethod      = "bad-method"      // 405
	Conflict       = "conflict"        // 409: something stands in the way
	Exists         = "exists"          // 409: a name, number or code is taken
	TooLarge       = "too-large"       // 413
	BadMediaType   = "bad-media-type"  // 415
	Invalid        = "invalid"         // 400 what cannot be read, 422 what may not be so
	TooMany        = "too-many"        // 429: locked, or too much is asked at once
	Unavailable    = "unavailable"     // 503: nothing was changed
	Unknown        = "unknown-outcome" // 500: see the log
	PlainTransport = "insecure"        // 403: the way here is not secure
)
