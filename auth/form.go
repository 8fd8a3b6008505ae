package auth

import "github.com/sallyport/sallyport/secret"

// Form is how a token is written on the wire. It is named here for dialects,
// which have no other business with package secret.
type Form = secret.Form

// The forms.
const (
	FormNative = secret.FormNative
	FormGUID   = secret.FormGUID
	FormSeries = secret.FormSeries
	FormHex    = secret.FormHex
)
