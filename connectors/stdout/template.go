// SPDX-License-Identifier: Apache-2.0

package stdout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// part is a piece of a template: a text, or something of the record.
type part struct {
	text string // printed as it is, if name is empty
	name string // topic, partition, …
	path []string
}

// names are the placeholders that stand alone; key and value may have a path.
var names = []string{"topic", "partition", "offset", "timestamp", "key", "value", "header"}

// parseTemplate splits a template into parts, or names the rule that it breaks.
func parseTemplate(s string) (parts []part, rule, hint string) {
	for s != "" {
		at := strings.Index(s, "${")
		if at < 0 {
			at = len(s)
		}
		if at > 0 {
			parts = append(parts, part{text: unescape.Replace(s[:at])})
			s = s[at:]
			continue
		}
		inner, rest, ok := strings.Cut(s[2:], "}")
		if !ok {
			return nil, "A placeholder is not closed: " + s, "write ${name}"
		}
		p, rule, hint := parsePlaceholder(inner)
		if rule != "" {
			return nil, rule, hint
		}
		parts, s = append(parts, p), rest
	}
	return parts, "", ""
}

var unescape = strings.NewReplacer(`\t`, "\t", `\n`, "\n", `\\`, `\`)

func parsePlaceholder(inner string) (p part, rule, hint string) {
	name, path, dotted := strings.Cut(inner, ".")
	p.name = name
	switch {
	case name == "header" && dotted && path != "":
		p.path = []string{path}
	case (name == "key" || name == "value") && dotted && path != "":
		p.path = strings.Split(path, ".")
	case dotted || name == "header" || !known(name):
		if near := connect.Nearest(name, names); near != "" && near != name {
			hint = "did you mean ${" + near + "}?"
		}
		return p, fmt.Sprintf("Unknown placeholder ${%s}, there are ${%s}, ${key.FIELD}, ${value.FIELD} and ${header.NAME}",
			inner, strings.Join(names[:len(names)-1], "}, ${")), hint
	}
	return p, "", ""
}

func known(name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// append prints the part.
func (p *part) append(dst []byte, r *connect.Record) []byte {
	switch p.name {
	case "":
		return append(dst, p.text...)
	case "topic":
		return append(dst, r.Topic...)
	case "partition":
		return strconv.AppendInt(dst, int64(r.Partition), 10)
	case "offset":
		return strconv.AppendInt(dst, r.Offset, 10)
	case "timestamp":
		return strconv.AppendInt(dst, r.Timestamp, 10)
	case "key":
		return appendField(dst, r.Key, p.path)
	case "value":
		return appendField(dst, r.Value, p.path)
	default:
		return appendHeader(dst, r, p.path[0])
	}
}

// appendField prints what the path leads to; nothing if there is no such field.
func appendField(dst []byte, v connect.Value, path []string) []byte {
	for _, name := range path {
		var ok bool
		if v, ok = v.Get(name); !ok {
			return dst
		}
	}
	return appendPlain(dst, v)
}

// appendHeader prints the last header of the name, which is the one that counts.
func appendHeader(dst []byte, r *connect.Record, name string) []byte {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == name {
			return appendPlain(dst, r.Headers[i].Value)
		}
	}
	return dst
}

// appendPlain prints a string without quotes, and everything else as JSON.
func appendPlain(dst []byte, v connect.Value) []byte {
	if v.Kind() == connect.KindString {
		return append(dst, v.Bytes()...)
	}
	return convert.AppendJSON(dst, v)
}
