package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// report collects rows, and writes the samples they are made of in the format
// that benchstat reads.
type report struct {
	out    io.Writer
	cpus   int
	rows   []row
	failed bool  // something could not be measured
	err    error // the first of writing
}

func (r *report) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(r.out, format, args...); r.err == nil {
		r.err = err
	}
}

// row is one line of the table.
type row struct {
	what    string
	unit    string
	figure  series
	ceiling series // what the figure is held against; nil: the figure counts as it is
	against string // what the ceiling is
	want    goal
}

// series are the figures of the rounds. Those of one round were measured right
// after one another, so the ratio is taken in each round: what slows the
// machine down slows both.
type series []float64

func (s series) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	s = slices.Sorted(slices.Values(s))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func (s series) over(o series) series {
	var r series
	for i := range min(len(s), len(o)) {
		r = append(r, s[i]/o[i])
	}
	return r
}

// goal is what is wanted of a row. The zero goal wants nothing: the row informs.
type goal struct {
	sign  string // "≥" or "≤"
	bound float64
}

func atLeast(v float64) goal { return goal{"≥", v} }
func atMost(v float64) goal  { return goal{"≤", v} }

// counts is the number that the goal is about: the ratio if there is a ceiling.
func (r *row) counts() float64 {
	if r.ceiling != nil {
		return r.figure.over(r.ceiling).median()
	}
	return r.figure.median()
}

func (r *row) met() bool {
	switch v := r.counts(); r.want.sign {
	case "≥":
		return v >= r.want.bound
	case "≤":
		return v <= r.want.bound
	}
	return true
}

func (r *report) add(rows ...row) { r.rows = append(r.rows, rows...) }

func (r *report) missed() bool {
	return slices.ContainsFunc(r.rows, func(x row) bool { return !x.met() })
}

// value is one figure of a sample with its unit.
type value struct {
	v    float64
	unit string
}

// sample writes one round's figures as benchstat reads them.
func (r *report) sample(name string, values ...value) {
	var b strings.Builder
	fmt.Fprintf(&b, "Benchmark%s-%d 1", name, r.cpus)
	for _, v := range values {
		fmt.Fprintf(&b, " %s %s", number(v.v), v.unit)
	}
	r.printf("%s\n", b.String())
}

// table writes all rows.
func (r *report) table() {
	cells := [][]string{{"what", "figure", "ceiling", "ratio", "wanted", "met"}}
	for i := range r.rows {
		cells = append(cells, r.rows[i].cells())
	}
	widths := make([]int, len(cells[0]))
	for _, line := range cells {
		for i, c := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	r.printf("\n")
	for _, line := range cells {
		var b strings.Builder
		for i, c := range line {
			b.WriteString(c + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
		}
		r.printf("%s\n", strings.TrimRight(b.String(), " "))
	}
	if r.failed {
		r.printf("\nNot everything could be measured.\n")
	}
}

func (r *row) cells() []string {
	c := []string{r.what, human(r.figure.median(), r.unit), "", "", "", ""}
	if r.ceiling != nil {
		c[2] = human(r.ceiling.median(), r.unit) + " " + r.against
		c[3] = fmt.Sprintf("%.2f", r.counts())
	}
	if r.want.sign == "" {
		return c
	}
	c[4], c[5] = r.want.sign+" "+human(r.want.bound, r.unit), "yes"
	if r.ceiling != nil {
		c[4] = fmt.Sprintf("%s %.2f", r.want.sign, r.want.bound)
	}
	if !r.met() {
		c[5] = "NO"
	}
	return c
}

// number writes a figure with four significant digits and no exponent.
func number(v float64) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 1000 {
		digits = min(3-int(math.Floor(math.Log10(a))), 6)
	}
	s := fmt.Sprintf("%.*f", digits, v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// human writes a figure with its unit, thousands apart.
func human(v float64, unit string) string {
	s := number(v)
	whole, rest, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return whole + " " + unit
}
