package auth_test

import (
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
)

// tallied are the events of refusals that were counted, once their minute is over.
func (k *kit) tallied() (events []audit.Event) {
	k.Helper()
	time.Sleep(3 * time.Minute)
	for _, e := range k.events(audit.Refusal) {
		if e.Count > 0 {
			events = append(events, e)
		}
	}
	return events
}

// What is refused after a right secret is counted for whom it was, also where others
// are refused at the same address, and under whatever name they came.
func TestRefusalsOfRightSecretsAreCountedForEach(t *testing.T) {
	inBubble(t, func(k *kit) {
		one := byKey(electaMount())
		one.Mount.FairUse = auth.FairUse{Logins: 1, Answer: auth.AnswerRefuse}
		two := onNewAttempt()
		two.Mount = one.Mount
		for _, a := range []*auth.Attempt{one, two} {
			k.login(a)
			k.login(a)
		}
		for range 3 {
			k.wantLogin(one, auth.Throttled)
		}
		for range 6 {
			k.wantLogin(two, auth.Throttled)
		}
		counts := map[string]int{}
		for _, e := range k.tallied() {
			counts[e.Account+"/"+e.Subject] += e.Count
			if e.Tenant != "ACME" || e.Source != home.String() {
				k.Errorf("%+v", e)
			}
		}
		if len(counts) != 2 || counts["123456/main"] != 2 || counts["ACME-WEST-1/on-new"] != 5 {
			k.Errorf("counted: %v", counts)
		}
	})
}

// What is refused before anybody looks at the secret is counted by address, and names
// nobody unless all of them claimed the same.
func TestRefusalsUnjudgedNameNobodyElse(t *testing.T) {
	for name, c := range map[string]struct {
		numbers []int64
		account string
	}{
		"the same":   {[]int64{123456, 123456, 123456}, "123456"},
		"others":     {[]int64{123456, 99, 123456}, ""},
		"at the end": {[]int64{123456, 123456, 99}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(k *kit) {
				a := byKey(electaMount())
				a.Mount.Rate = auth.Rate{Attempts: 1, Window: time.Hour}
				k.login(a)
				k.wantLogin(a, auth.Throttled) // told at once
				for _, n := range c.numbers {
					a.Number = n
					k.wantLogin(a, auth.Throttled)
				}
				events := k.tallied()
				if len(events) != 1 || events[0].Count != 3 || events[0].Account != c.account || events[0].Detail != "too many logins from one address" || events[0].Source != home.String() {
					k.Errorf("%+v", events)
				}
			})
		})
	}
}
