// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"slices"
	"strconv"
	"strings"
)

// Normalize returns the form of a schema that the registry stores under
// normalize=true: attributes that Avro does not define sorted by name, behind those of a
// logical type; aliases sorted; defaults as their type writes them; empty docs of named
// schemas left out. The schema itself is not changed.
func Normalize(s *Schema) *Schema {
	n := normalizer{named: map[*Schema]*Schema{}}
	return n.schema(s)
}

type normalizer struct{ named map[*Schema]*Schema }

func (n *normalizer) schema(s *Schema) *Schema {
	if s == nil {
		return nil
	}
	if done := n.named[s]; done != nil {
		return done
	}
	c := *s
	n.named[s] = &c
	c.Aliases = sortedAliases(s.Aliases)
	c.Props = normalProps(s)
	if c.Doc != nil && *c.Doc == "" {
		c.Doc = nil
	}
	c.Elem = n.schema(s.Elem)
	c.Union, c.Fields = nil, nil
	for _, b := range s.Union {
		c.Union = append(c.Union, n.schema(b))
	}
	for i := range s.Fields {
		f := s.Fields[i]
		if f.Default != nil {
			f.Default = normalDefault(f.Schema, f.Default, 0)
		}
		f.Schema = n.schema(f.Schema)
		f.Aliases = sortedAliases(f.Aliases)
		f.Props = sortedProps(f.Props)
		c.Fields = append(c.Fields, f)
	}
	return &c
}

func sortedAliases(aliases []string) []string {
	sorted := slices.Clone(aliases)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

func sortedProps(props []Prop) []Prop {
	sorted := make([]Prop, len(props))
	for i, p := range props {
		sorted[i] = Prop{p.Name, sortedJSON(p.Value)}
	}
	slices.SortFunc(sorted, func(a, b Prop) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}

// normalProps puts the attributes of a logical type first: its name, and the precision
// and a scale other than 0 of a decimal.
func normalProps(s *Schema) []Prop {
	props := sortedProps(s.Props)
	name, ok := s.Logical()
	if !ok {
		return props
	}
	first := []string{"logicalType"}
	if name == "decimal" {
		first = append(first, "precision")
		if _, scale, _ := s.Decimal(); scale != 0 {
			first = append(first, "scale")
		}
	}
	rank := func(p Prop) int {
		if i := slices.Index(first, p.Name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(props, func(a, b Prop) int { return rank(a) - rank(b) })
	return props
}

// sortedJSON sorts the members of objects at every depth.
func sortedJSON(v *JSON) *JSON {
	c := *v
	c.Items, c.Members = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, sortedJSON(item))
	}
	for _, m := range v.Members {
		c.Members = append(c.Members, Member{m.Name, sortedJSON(m.Value)})
	}
	slices.SortFunc(c.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return &c
}

// normalDefault writes numbers as their type does: a whole default of a double gets a
// point.
func normalDefault(s *Schema, v *JSON, depth int) *JSON {
	if depth > maxDepth {
		return v
	}
	switch s.Type {
	case Float, Double:
		return normalReal(s, v)
	case Union:
		for _, b := range s.Union {
			if checkDefault(b, v, depth+1) == "" {
				return normalDefault(b, v, depth+1)
			}
		}
	case Array, Map, Record:
		return normalNested(s, v, depth)
	}
	return sortedJSON(v)
}

func normalReal(s *Schema, v *JSON) *JSON {
	if v.Kind != JSONNumber {
		return v
	}
	bits := 64
	if s.Type == Float {
		bits = 32
	}
	f, err := strconv.ParseFloat(v.Text, bits)
	if err != nil {
		return v
	}
	return NumberJSON(string(appendReal(nil, f, bits)))
}

func normalNested(s *Schema, v *JSON, depth int) *JSON {
	c := *v
	c.Items, c.Members = nil, nil
	for _, item := range v.Items {
		if s.Type == Array {
			item = normalDefault(s.Elem, item, depth+1)
		}
		c.Items = append(c.Items, item)
	}
	for _, m := range v.Members {
		value := sortedJSON(m.Value)
		if f := s.Field(m.Name); s.Type == Record && f != nil {
			value = normalDefault(f.Schema, m.Value, depth+1)
		} else if s.Type == Map {
			value = normalDefault(s.Elem, m.Value, depth+1)
		}
		c.Members = append(c.Members, Member{m.Name, value})
	}
	slices.SortFunc(c.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return &c
}
