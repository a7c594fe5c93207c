// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

// columnRules say what happens to the values of columns on their way into records. They
// are immutable and safe for concurrent use. Values of keys are never changed.
type columnRules struct {
	masks            []columnRule // asterisks, then hashes, then truncation; the first that matches counts
	propagateColumns pattern.List
	propagateTypes   pattern.List
}

// columnRule is one setting of the families column.mask and column.truncate.
type columnRule struct {
	columns pattern.List
	stars   string   // with stars set for asterisks
	length  int      // of truncation; -1 for none
	hash    *hashing // nil for none
	key     string   // of the setting
}

// families are the keys whose names hold a number, or an algorithm and a salt.
var (
	truncateKey = regexp.MustCompile(`^column\.truncate\.to\.(.+)\.chars$`)
	starsKey    = regexp.MustCompile(`^column\.mask\.with\.(.+)\.chars$`)
	hashKey     = regexp.MustCompile(`^column\.mask\.hash\.(v2\.)?([^.]+)\.with\.salt\.(.+)$`)
)

// maxStars bounds what a mask may need of memory for each value.
const maxStars = 1 << 16

// newColumnRules reads the families of keys from the properties. A key that begins like
// one of them and has not its form is a mistake: a value would go out unmasked.
func newColumnRules(props map[string]string) (*columnRules, connect.ConfigErrors) {
	r := &columnRules{}
	var errs connect.ConfigErrors
	for _, name := range sortedKeys(props) {
		if !strings.HasPrefix(name, "column.mask.") && !strings.HasPrefix(name, "column.truncate.") {
			continue
		}
		rule, err := parseColumnRule(name, props[name])
		if err != nil {
			errs = append(errs, *invalid(hideSalt(name), "", err.Error(), ""))
			continue
		}
		r.masks = append(r.masks, *rule)
	}
	slices.SortStableFunc(r.masks, func(a, b columnRule) int { return a.strength() - b.strength() })
	for key, to := range map[string]*pattern.List{"column.propagate.source.type": &r.propagateColumns, "datatype.propagate.source.type": &r.propagateTypes} {
		patterns, err := pattern.ParseList(props[key])
		if err != nil {
			errs = append(errs, *invalid(key, props[key], err.Error(), ""))
		}
		*to = patterns
	}
	return r, errs
}

func sortedKeys[V any](props map[string]V) []string {
	names := make([]string, 0, len(props))
	for name := range props {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// strength orders rules: what hides more comes first.
func (r *columnRule) strength() int {
	switch {
	case r.hash != nil:
		return 1
	case r.length >= 0:
		return 2
	}
	return 0
}

// hideSalt keeps the salt, which is part of the key's name, out of messages.
func hideSalt(name string) string {
	if before, _, ok := strings.Cut(name, ".with.salt."); ok {
		return before + ".with.salt." + connect.Hidden
	}
	if strings.HasPrefix(name, "column.mask.hash.") {
		return "column.mask.hash." + connect.Hidden
	}
	return name
}

func parseColumnRule(name, value string) (*columnRule, error) {
	columns, err := pattern.ParseList(value)
	if err != nil {
		return nil, err
	}
	rule := &columnRule{columns: columns, length: -1, key: name}
	if m := hashKey.FindStringSubmatch(name); m != nil {
		rule.hash, err = newHashing(m[2], m[3], m[1] != "")
		return rule, err
	}
	m := truncateKey.FindStringSubmatch(name)
	stars := m == nil
	if stars {
		m = starsKey.FindStringSubmatch(name)
	}
	if m == nil {
		return nil, fmt.Errorf("the key must be column.truncate.to.N.chars, column.mask.with.N.chars or column.mask.hash[.v2].ALGORITHM.with.salt.SALT")
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n < 0 || stars && n > maxStars {
		return nil, fmt.Errorf("'%s' in the key must be a number from 0 to %d", m[1], maxStars)
	}
	if stars {
		rule.stars = strings.Repeat("*", n)
		return rule, nil
	}
	rule.length = n
	return rule, nil
}

// forColumn says what happens to a column of a table. typeName is the name in pg_type,
// length as Debezium counts it: the declared one, 2147483647 for text, -1 for unknown.
//
// mask, nil for none, replaces a value: in a column of a text-like type a string by
// asterisks, which takes null too, or by the hexadecimal digest; a string or bytes by
// their beginning in columns of all types. It is for one goroutine at a time; its
// result lives in the arena. propagate says that the field's schema gets the original
// type. Of masks that match, the one that hides most counts, and a masked column does
// not propagate; in Debezium the order is truncation, asterisks, propagation, hash.
func (r *columnRules) forColumn(schema, table, column, typeName string, length int) (mask func(a *connect.Arena, v connect.Value) connect.Value, propagate bool) {
	name := schema + "." + table + "." + column
	if rule := r.rule(name); rule != nil {
		return rule.mask(typeName, length), false
	}
	return nil, r.propagateColumns.Match(name) || r.propagateTypes.Match(schema+"."+table+"."+typeName)
}

// parameter returns the schema parameter that Debezium sets on a masked or truncated
// field, and whether there is one.
func (r *columnRules) parameter(schema, table, column, typeName string, length int) (name, value string, ok bool) {
	rule := r.rule(schema + "." + table + "." + column)
	switch {
	case rule == nil, rule.length < 0 && !maskable(typeName), length >= 0 && length <= rule.length:
		return "", "", false
	case rule.length < 0:
		return "masked", "true", true
	}
	return "truncateLength", strconv.Itoa(rule.length), true
}

func (r *columnRules) rule(name string) *columnRule {
	for i := range r.masks {
		if r.masks[i].columns.Match(name) {
			return &r.masks[i]
		}
	}
	return nil
}

func (r *columnRule) mask(typeName string, length int) func(*connect.Arena, connect.Value) connect.Value {
	switch {
	case r.length >= 0 && (length < 0 || length > r.length):
		return truncation(r.length)
	case r.length >= 0 || !maskable(typeName):
		return nil
	case r.hash != nil:
		return r.hash.mask(length)
	}
	stars := connect.String(r.stars)
	return func(*connect.Arena, connect.Value) connect.Value { return stars }
}

// unmaskable are the types whose values are no text, although some settings render
// them as strings: a mask would break who parses them.
var unmaskable = []string{
	"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "money", "oid", "smallserial", "serial", "bigserial",
	"date", "time", "timetz", "timestamp", "timestamptz", "interval", "bytea", "bit", "varbit",
	"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange",
	"int4multirange", "int8multirange", "nummultirange", "tsmultirange", "tstzmultirange", "datemultirange",
	"point", "box", "lseg", "path", "polygon", "circle", "line", "geometry", "geography", "vector", "halfvec", "sparsevec",
}

// maskable reports whether a column of this type can hold asterisks or a digest.
func maskable(typeName string) bool {
	return !strings.HasPrefix(typeName, "_") && !slices.Contains(unmaskable, strings.ToLower(typeName))
}

// truncation keeps the first n characters of a string, or bytes of bytes. Characters
// are UTF-16 code units, as in the original; a pair is not divided but left out.
func truncation(n int) func(*connect.Arena, connect.Value) connect.Value {
	return func(_ *connect.Arena, v connect.Value) connect.Value {
		switch v.Kind() {
		case connect.KindString:
			if v.Len() > n {
				return connect.StringOf(firstUnits(v.Bytes(), n))
			}
		case connect.KindBytes:
			if v.Len() > n {
				return connect.Bytes(v.Bytes()[:n])
			}
		}
		return v
	}
}

// firstUnits returns the longest beginning of s with at most n UTF-16 code units.
func firstUnits(s []byte, n int) []byte {
	at := 0
	for at < len(s) {
		r, size := utf8.DecodeRune(s[at:])
		n--
		if r >= 0x10000 {
			n--
		}
		if n < 0 {
			break
		}
		at += size
	}
	return s[:at]
}
