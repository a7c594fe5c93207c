// SPDX-License-Identifier: Apache-2.0

package avro

import "slices"

// Equal reports whether two schemas say the same: names, types, defaults, docs, aliases
// and all attributes, whatever the order of attributes and the white space of their
// texts. It is the test by which the registry recognizes a schema that it has.
func Equal(a, b *Schema) bool {
	e := equality{seen: map[schemaPair]bool{}}
	return e.schemas(a, b)
}

type equality struct{ seen map[schemaPair]bool }

func (e *equality) schemas(a, b *Schema) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	pair := schemaPair{a, b}
	if e.seen[pair] {
		return true
	}
	e.seen[pair] = true
	if a.Type != b.Type || a.FullName() != b.FullName() || a.Error != b.Error || a.Size != b.Size ||
		!sameDoc(a.Doc, b.Doc) || !sameSet(a.Aliases, b.Aliases) || !slices.Equal(a.Symbols, b.Symbols) ||
		!a.Default.Equal(b.Default) || !sameProps(a.Props, b.Props) ||
		len(a.Fields) != len(b.Fields) || len(a.Union) != len(b.Union) || !e.schemas(a.Elem, b.Elem) {
		return false
	}
	for i := range a.Union {
		if !e.schemas(a.Union[i], b.Union[i]) {
			return false
		}
	}
	for i := range a.Fields {
		if !e.fields(&a.Fields[i], &b.Fields[i]) {
			return false
		}
	}
	return true
}

func (e *equality) fields(a, b *Field) bool {
	return a.Name == b.Name && sameOrder(a.Order, b.Order) && sameDoc(a.Doc, b.Doc) && sameSet(a.Aliases, b.Aliases) &&
		a.Default.Equal(b.Default) && sameProps(a.Props, b.Props) && e.schemas(a.Schema, b.Schema)
}

func sameOrder(a, b string) bool {
	return a == b || (a == "" || a == "ascending") && (b == "" || b == "ascending")
}

func sameDoc(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func sameSet(a, b []string) bool {
	return slices.Equal(a, b) || slices.Equal(sortedAliases(a), sortedAliases(b))
}

func sameProps(a, b []Prop) bool {
	return len(a) == len(b) && equalMembers(membersOf(a), membersOf(b))
}

func membersOf(props []Prop) []Member {
	members := make([]Member, len(props))
	for i, p := range props {
		members[i] = Member(p)
	}
	return members
}
