// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"
	"strconv"
	"strings"
)

// checkDefault returns how a default breaks the type of its field, or "". Like Java it
// does not look whether an enum has the symbol or a fixed the length. The default of a
// union belongs to its first branch; later branches are accepted too, as Avro
// since 1.12 does.
func checkDefault(s *Schema, v *JSON, depth int) string {
	if depth > maxDepth {
		return fmt.Sprintf("nested deeper than %d", maxDepth)
	}
	ok := false
	switch s.Type {
	case Null:
		ok = v.Kind == JSONNull
	case Boolean:
		ok = v.Kind == JSONBool
	case Int:
		n, whole := v.Int()
		ok = whole && n == int64(int32(n))
	case Long:
		_, ok = v.Int()
	case Float, Double:
		ok = isNumber(v)
	case String, Bytes, Fixed, Enum:
		ok = v.Kind == JSONString
	case Union:
		return checkUnionDefault(s, v, depth)
	default:
		return checkNestedDefault(s, v, depth)
	}
	if !ok {
		return v.String() + " not a " + typeText(s)
	}
	return ""
}

func checkUnionDefault(s *Schema, v *JSON, depth int) string {
	for _, b := range s.Union {
		if checkDefault(b, v, depth+1) == "" {
			return ""
		}
	}
	return v.String() + " not a " + s.String()
}

func checkNestedDefault(s *Schema, v *JSON, depth int) string {
	switch {
	case s.Type == Array && v.Kind == JSONArray:
		for _, item := range v.Items {
			if rule := checkDefault(s.Elem, item, depth+1); rule != "" {
				return rule
			}
		}
		return ""
	case s.Type == Map && v.Kind == JSONObject:
		for _, m := range v.Members {
			if rule := checkDefault(s.Elem, m.Value, depth+1); rule != "" {
				return m.Name + ": " + rule
			}
		}
		return ""
	case s.Type == Record && v.Kind == JSONObject:
		return checkRecordDefault(s, v, depth)
	}
	return v.String() + " not a " + typeText(s)
}

func checkRecordDefault(s *Schema, v *JSON, depth int) string {
	if s.Fields == nil {
		return v.String() + " for " + typeText(s) + ", which is still being defined"
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		have := v.Get(f.Name)
		if have == nil {
			have = f.Default
		}
		if have == nil {
			return f.Name + ": missing, and the field has no default"
		}
		if rule := checkDefault(f.Schema, have, depth+1); rule != "" {
			return f.Name + ": " + rule
		}
	}
	return ""
}

func typeText(s *Schema) string {
	if s.Type.Named() {
		return s.Type.String() + " " + s.FullName()
	}
	return s.Type.String()
}

// isNumber also accepts the names of the values that JSON cannot write.
func isNumber(v *JSON) bool {
	if v.Kind == JSONNumber {
		_, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
		return err == nil || strings.Contains(err.Error(), "range")
	}
	return v.Kind == JSONString && (v.Text == "NaN" || v.Text == "Infinity" || v.Text == "-Infinity")
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
