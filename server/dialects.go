package server

import (
	"github.com/sallyport/sallyport/dialect"
	"github.com/sallyport/sallyport/dialect/calamp"
	"github.com/sallyport/sallyport/dialect/domainpunch"
	"github.com/sallyport/sallyport/dialect/edubrite"
	"github.com/sallyport/sallyport/dialect/electa"
	"github.com/sallyport/sallyport/dialect/sbt"
	"github.com/sallyport/sallyport/oauth"
)

// Dialects are the login protocols that can be mounted. A new one is a folder
// in dialect/ and a line here.
func Dialects() []dialect.Definition {
	return []dialect.Definition{
		electa.Definition(),
		calamp.Definition(),
		sbt.Definition(),
		edubrite.Definition(),
		domainpunch.Definition(),
		oauth.Definition(),
	}
}
