// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// HeaderRule is one rule of response.http.headers.config.
type HeaderRule struct {
	Action string // add, set, addDate or setDate
	Name   string
	// Value is the header's, or, of a date, milliseconds from the time of the answer.
	Value string

	after time.Duration
}

var (
	headerActions = []string{"add", "set", "addDate", "setDate"}
	headerName    = regexp.MustCompile(`^[A-Za-z0-9!#$%&'*+.^_|~-]+$`)
)

// ParseHeaders reads response.http.headers.config as the original does: rules of the
// form "action name: value", separated by commas; a rule with a comma in it stands
// within double quotes. The error names the rule that is wrong.
func ParseHeaders(text string) ([]HeaderRule, error) {
	var rules []HeaderRule
	for _, part := range splitQuoted(text) {
		rule, err := parseHeader(part)
		if err != nil {
			return nil, fmt.Errorf("the rule %q: %w", part, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

// splitQuoted splits at commas outside of double quotes, and takes quotes away.
func splitQuoted(text string) []string {
	var parts []string
	var part strings.Builder
	quoted := false
	end := func() {
		if p := strings.TrimSpace(part.String()); p != "" {
			parts = append(parts, p)
		}
		part.Reset()
	}
	for _, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			end()
		default:
			part.WriteRune(c)
		}
	}
	end()
	return parts
}

func parseHeader(text string) (HeaderRule, error) {
	var r HeaderRule
	action, header, ok := strings.Cut(text, " ")
	name, value, named := strings.Cut(header, ":")
	if !ok || !named {
		return r, fmt.Errorf("the form is [action] [header name]:[header value]")
	}
	r = HeaderRule{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)}
	for _, a := range headerActions {
		if strings.EqualFold(a, action) {
			r.Action = a
		}
	}
	switch {
	case r.Action == "":
		return r, fmt.Errorf("the action %s is none of %s", action, strings.Join(headerActions, ", "))
	case !headerName.MatchString(r.Name):
		return r, fmt.Errorf("%q is no name of a header", r.Name)
	case strings.ContainsAny(r.Value, "\r\n\x00"):
		return r, fmt.Errorf("the value has control characters")
	}
	if !strings.HasSuffix(r.Action, "Date") {
		return r, nil
	}
	ms, err := strconv.ParseInt(r.Value, 10, 48)
	if err != nil {
		return r, fmt.Errorf("the value of a date is a number of milliseconds")
	}
	r.after = time.Duration(ms) * time.Millisecond
	return r, nil
}

// apply puts the header into an answer.
func (r *HeaderRule) apply(h http.Header, now time.Time) {
	switch r.Action {
	case "add":
		h.Add(r.Name, r.Value)
	case "set":
		h.Set(r.Name, r.Value)
	case "addDate":
		h.Add(r.Name, now.Add(r.after).UTC().Format(http.TimeFormat))
	case "setDate":
		h.Set(r.Name, now.Add(r.after).UTC().Format(http.TimeFormat))
	}
}
