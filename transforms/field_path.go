// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// fieldPath is the way to a field: one name under syntax V1, several under V2.
type fieldPath []string

// fieldSyntaxKey declares field.syntax.version.
func fieldSyntaxKey() connect.ConfigKey {
	return connect.ConfigKey{
		Name: "field.syntax.version", Type: connect.TypeConfigString, Default: "V1", Check: connect.OneOf("V1", "V2"),
		Doc: "V1: the field is one name. V2: dots lead to nested fields; a name with dots stands in backticks.",
	}
}

func parseFieldPath(text, version string) (fieldPath, error) {
	if !strings.EqualFold(version, "V2") {
		return fieldPath{text}, nil
	}
	var path fieldPath
	for rest := text; ; {
		var step string
		if strings.HasPrefix(rest, "`") {
			name, n := backticked(rest)
			if n < 0 {
				return nil, fmt.Errorf("incomplete backtick pair in path: [%s], consider adding a backslash before backtick at position %d to escape it", text, len(text)-len(rest))
			}
			path, rest = append(path, name), rest[n:]
			if rest == "" {
				return path, nil
			}
			rest = rest[1:] // the dot
			continue
		}
		step, after, more := strings.Cut(rest, ".")
		path = append(path, step)
		if !more {
			return path, nil
		}
		rest = after
	}
}

// backticked reads a name in backticks, which ends at one before a dot or the end,
// unless a backslash stands before it. n is -1 if there is no end.
func backticked(s string) (name string, n int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		last := i == len(s)-1
		switch {
		case s[i] != '`' || !last && s[i+1] != '.':
			b.WriteByte(s[i])
		case s[i-1] != '\\':
			return b.String(), i + 1
		case last:
			return "", -1
		default:
			escaped := b.String()
			b.Reset()
			b.WriteString(escaped[:len(escaped)-1])
			b.WriteByte('`')
		}
	}
	return "", -1
}

// fields finds the path in a schema; nil if there is no such field.
func (p fieldPath) fields(s *connect.Schema) ([]*connect.Field, error) {
	out := make([]*connect.Field, 0, len(p))
	for _, step := range p {
		if s.Type() != connect.TypeStruct {
			return nil, connect.DataErrorf("cannot look up fields on non-struct type: %s of %s", step, s)
		}
		f := s.Field(step)
		if f == nil {
			return nil, nil
		}
		out, s = append(out, f), f.Schema
	}
	return out, nil
}

// in returns what is at the path in a schemaless value; null if nothing is.
func (p fieldPath) in(m []connect.MapEntry) (connect.Value, error) {
	for _, step := range p[:len(p)-1] {
		v := member(m, step)
		if v.IsNull() {
			return v, nil
		}
		var err error
		if m, err = requireMap(v, "nested field access"); err != nil {
			return v, err
		}
	}
	return member(m, p[len(p)-1]), nil
}
