package console

import "fmt"

// chart is bars for SVG: one a minute, the running one last.
type chart struct {
	Name  string // of what is counted
	Class string
	Sum   uint64
	Top   uint64 // of a minute
	Now   uint64 // in the running minute
	Bars  []bar
	Label string // for those who do not see it
}

type bar struct {
	X, Y, Height int
	Title        string
}

// Size of a chart in its own units.
const (
	barWidth    = 4
	chartHeight = 40
	chartWidth  = minutes * barWidth
)

// draw makes the three charts of a series that ends with the running minute.
func draw(series []figures) []chart {
	of := func(name, class string, value func(figures) uint64) chart {
		c := chart{Name: name, Class: class}
		for _, f := range series {
			n := value(f)
			c.Sum += n
			c.Top = max(c.Top, n)
			c.Now = n
		}
		for i, f := range series {
			n := value(f)
			if n == 0 {
				continue
			}
			height := int(max(n*(chartHeight-2)/c.Top, 2))
			minute := len(series) - 1 - i
			c.Bars = append(c.Bars, bar{X: chartWidth - (minute+1)*barWidth, Y: chartHeight - height, Height: height,
				Title: fmt.Sprintf("%s %s, %s", count(n), name, minutesAgo(minute))})
		}
		c.Label = fmt.Sprintf("%s a minute over the last hour: %s in all, %s in the busiest minute, %s in the running one", name, count(c.Sum), count(c.Top), count(c.Now))
		return c
	}
	return []chart{
		of("logins", "logins", func(f figures) uint64 { return f.logins }),
		of("refused logins", "refusals", func(f figures) uint64 { return f.refusals }),
		of("checks", "checks", func(f figures) uint64 { return f.checks }),
	}
}

func minutesAgo(n int) string {
	if n == 0 {
		return "in this minute"
	}
	return fmt.Sprintf("%d min ago", n)
}
