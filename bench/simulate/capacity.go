package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
)

// Installation is a row of the capacity table: what is wanted.
type Installation struct {
	Live   float64 // sessions
	Logins float64 // a second
	Calls  float64 // that are made with a session, 80 of 100 with a fifth of them
}

// Installations are those of docs/scaling.md.
var Installations = []Installation{{1e6, 100, 50}, {1e7, 1_000, 50}, {1e8, 10_000, 50}, {1e9, 100_000, 50}}

// What one machine is asked to carry in the table, well below what it was seen to do.
const (
	useful        = 0.5  // of its processors
	cores         = 16.0 // of a database's machine, and of a node's
	commitGroup   = 40.0 // logins in a commit
	commitSeconds = 1e-3 // from one commit of a database to the next: the audit's turn
	databaseBytes = 1e12 // of tables and indexes that one is to hold
	revoked       = 0.1  // ends that the feed carries, for a login
	aDay          = 86400
)

// Capacity is what an installation takes.
type Capacity struct {
	Installation
	Checks        float64 // a second
	Disk          float64 // bytes of sessions with their indexes
	AuditDay      float64 // bytes a day
	Log           float64 // bytes of PostgreSQL's log a second
	LoginCores    float64 // of all databases, for logins
	ReadCores     float64 // for sessions that were not in memory, if calls go to any node
	Sticky, Any   float64 // databases, if the calls of a session go to one node, and if they go to any
	NodeCores     float64
	Nodes         float64
	FeedBytes     float64 // a second, that a node reads
	ReadsOfALogin float64 // if calls go to any node
}

// Reckon reckons what an installation takes.
func Reckon(i Installation) Capacity {
	c := Capacity{Installation: i}
	c.Checks = i.Logins * i.Calls
	c.Disk = i.Live * (rowBytes + keyIndexBytes + ownerIndexBytes)
	c.AuditDay = i.Logins * auditBytes * aDay
	c.Log = i.Logins * walBytes
	c.NodeCores = (c.Checks*checkNodeMicros + i.Logins*loginNodeMicros) / 1e6
	c.Nodes = max(2, math.Ceil(c.NodeCores/(useful*cores)))
	c.ReadsOfALogin = ReadsOfALogin(i.Calls, 0.2, c.Nodes)
	c.LoginCores = i.Logins * loginPostgresMicros / 1e6
	c.ReadCores = i.Logins * c.ReadsOfALogin * readPostgresMicros / 1e6
	least := max(i.Logins/commitGroup*commitSeconds, c.Disk/databaseBytes)
	c.Sticky = math.Ceil(max(least, c.LoginCores/(useful*cores)))
	c.Any = math.Ceil(max(least, (c.LoginCores+c.ReadCores)/(useful*cores)))
	c.FeedBytes = i.Logins*revoked*noticeBytes + pollBytes/auth.FeedInterval.Seconds()
	return c
}

// ReadsOfALogin is how many nodes read a session of which none is ever pushed out of
// memory: all that meet it before it ends, but that of its login. Calls come at
// random and a life ends at random, so a node that gets c of n calls meets it before
// its end with a chance of (c/n) / (c/n + 1). A share of hot sessions makes 80 of 100
// calls.
func ReadsOfALogin(calls, hot, nodes float64) float64 {
	meets := func(calls float64) float64 { return (nodes - 1) * calls / (calls + nodes) }
	if hot == 0 {
		return meets(calls)
	}
	return hot*meets(calls*0.8/hot) + (1-hot)*meets(calls*0.2/(1-hot))
}

// Table is the capacity table as docs/scaling.md has it.
func Table() string {
	var b strings.Builder
	b.WriteString("| live sessions | logins/s | checks/s | sessions on disk | audit a day | PostgreSQL's log | its cores for logins | for reads | databases | cores of nodes | nodes | feed to each |\n")
	b.WriteString("|" + strings.Repeat("---|", 12) + "\n")
	for _, i := range Installations {
		c := Reckon(i)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s/s | %s | 0 to %s | %.0f to %.0f | %s | %.0f | %s/s |\n", count(c.Live), count(c.Logins), count(c.Checks), size(c.Disk), size(c.AuditDay),
			size(c.Log), short(c.LoginCores), short(c.ReadCores), c.Sticky, c.Any, short(c.NodeCores), c.Nodes, size(c.FeedBytes))
	}
	return b.String()
}

// short is a number with three digits.
func short(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func count(v float64) string {
	if v < 1e6 {
		return scaled(v, []string{"", ",000"})
	}
	return scaled(v/1e6, []string{" million", " billion"})
}

func size(v float64) string { return scaled(v, []string{" B", " kB", " MB", " GB", " TB"}) }

func scaled(v float64, names []string) string {
	i := 0
	for ; v >= 1000 && i < len(names)-1; i++ {
		v /= 1000
	}
	return short(v) + names[i]
}
