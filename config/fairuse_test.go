package config_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/config"
)

func TestFairUseAnswers(t *testing.T) {
	for text, want := range map[string]auth.FairUse{
		"{logins_per_hour: 5}":                                 {Logins: 5},
		"{logins_per_hour: 5, answer: report}":                 {Logins: 5},
		"{logins_per_hour: 5, answer: warn}":                   {Logins: 5, Answer: auth.AnswerWarn},
		"{logins_per_hour: 5, answer: delay}":                  {Logins: 5, Answer: auth.AnswerDelay},
		"{logins_per_hour: 5, answer: refuse}":                 {Logins: 5, Answer: auth.AnswerRefuse},
		"{logins_per_hour: 5, throttle: true}":                 {Logins: 5, Answer: auth.AnswerRefuse},
		"{logins_per_hour: 5, throttle: false, answer: delay}": {Logins: 5, Answer: auth.AnswerDelay},
		"{logins_per_hour: 5, throttle: true, answer: refuse}": {Logins: 5, Answer: auth.AnswerRefuse},
	} {
		c, err := config.Parse("f.yaml", []byte(with("fair_use: "+text)))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := c.Mounts[0].Auth().FairUse; got != want {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"{answer: shout}":                  `mounts[0].fair_use.answer: "shout" is not one of report, warn, delay, refuse`,
		"{throttle: true, answer: warn}":   "mounts[0].fair_use.answer: is warn, and throttle: true is answer: refuse",
		"{throttle: true, answer: report}": "mounts[0].fair_use.answer: is report, and throttle: true",
	} {
		_, err := config.Parse("f.yaml", []byte(with("fair_use: "+text)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
