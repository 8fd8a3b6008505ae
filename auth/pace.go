package auth

// What a node's own traffic is made of, for those who reckon with it: see
// bench/simulate.
const (
	FeedInterval    = feedInterval  // between two looks at the feed
	FeedFreshness   = feedFreshness // for which memory is believed after one
	FeedBatch       = feedBatch     // notices in one answer
	CacheShards     = cacheShards
	CacheSamples    = cacheSamples // sessions of a full shard of which one goes
	DefaultSessions = 1 << 20      // in memory, unless the options say otherwise
	LeaseBlock      = leaseBlock   // session ids that a node takes at once
)
