// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// rates are what the rounds of one measurement reached, each in things a second.
type rates []float64

func (r *rates) add(n int, took time.Duration) { *r = append(*r, float64(n)/took.Seconds()) }

func (r rates) best() float64 { return slices.Max(r) }

// median is the lower one of the two in the middle.
func (r rates) median() float64 {
	sorted := slices.Sorted(slices.Values(r))
	return sorted[(len(sorted)-1)/2]
}

// durations are single measurements of the same thing.
type durations []time.Duration

// quantile is the smallest value that at least this share of the values do not exceed.
func (d durations) quantile(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(int(math.Ceil(share*float64(len(sorted))))-1, 0)]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// thousands writes a number as 1,234,567.
func thousands(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// report prints results as rows of a Markdown table, each as soon as it is there.
type report struct{ out io.Writer }

func (r *report) begin(machine string) {
	fmt.Fprintf(r.out, "%s\n\n", machine)
	r.line("what", "measured", "")
	fmt.Fprintln(r.out, "|---|---|---|")
}

func (r *report) line(what, measured, note string) {
	fmt.Fprintf(r.out, "| %s | %s | %s |\n", pad(what, 40), pad(measured, 44), note)
}

// rate prints the median, the best, and what was to be reached; aim 0 is none.
func (r *report) rate(what string, got rates, unit string, aim float64, note string) {
	measured := fmt.Sprintf("%s %s", thousands(got.median()), unit)
	if len(got) > 1 {
		measured += fmt.Sprintf(" (best %s)", thousands(got.best()))
	}
	var notes []string
	if note != "" {
		notes = append(notes, note)
	}
	if aim > 0 {
		notes = append(notes, "aim ≥ "+thousands(aim))
	}
	r.line(what, measured, strings.Join(notes, ", "))
}

// ratio compares medians; both sides ran in turn.
func (r *report) ratio(what string, a, b rates) {
	r.line(what, fmt.Sprintf("%.2f (best : best %.2f)", a.median()/b.median(), a.best()/b.best()), "")
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}
