// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mismatch is a kind of incompatibility.
type Mismatch string

// The kinds of incompatibilities, named as in Java's SchemaCompatibility.
const (
	NameMismatch                   Mismatch = "NAME_MISMATCH"
	FixedSizeMismatch              Mismatch = "FIXED_SIZE_MISMATCH"
	MissingEnumSymbols             Mismatch = "MISSING_ENUM_SYMBOLS"
	ReaderFieldMissingDefaultValue Mismatch = "READER_FIELD_MISSING_DEFAULT_VALUE"
	TypeMismatch                   Mismatch = "TYPE_MISMATCH"
	MissingUnionBranch             Mismatch = "MISSING_UNION_BRANCH"
)

// Incompatibility is one reason why a reader cannot read what a writer wrote.
type Incompatibility struct {
	Type Mismatch
	// Path is a JSON pointer into the reader's schema; "/" is the schema itself.
	Path string
	// Detail is a field's name, the symbols, or what was expected, as Java's message says
	// it.
	Detail string
}

// CanRead returns why data of the writer's schema cannot be read with the reader's, and
// nothing if it can. Rules, order, paths and details are those of Java's
// SchemaCompatibility of Avro 1.12. An error is returned where Java throws: a reader's
// field that matches several of the writer's fields. Beyond it, schemas that are far too
// large to be compared are an error.
func CanRead(reader, writer *Schema) ([]Incompatibility, error) {
	c := comparison{known: map[schemaPair]*verdict{}}
	v := c.compare("", reader, writer)
	return v.found, c.err
}

// Describe returns the text that the registry's answers contain: reader and writer are
// "new" and "old", or the other way round.
func (i Incompatibility) Describe(reader, writer string) string {
	return fmt.Sprintf("{errorType:'%s', description:'%s', additionalInfo:'%s'}", i.Type, i.description(reader, writer), i.Detail)
}

func (i Incompatibility) description(reader, writer string) string {
	at := "path '" + i.Path + "'"
	switch i.Type {
	case FixedSizeMismatch:
		return "The size of FIXED type field at " + at + " in the " + reader + " schema does not match with the " + writer + " schema"
	case TypeMismatch:
		return "The type (" + at + ") of a field in the " + reader + " schema does not match with the " + writer + " schema"
	case NameMismatch:
		return "The name of the schema has changed (" + at + ")"
	case MissingEnumSymbols:
		return "The " + reader + " schema is missing enum symbols '" + i.Detail + "' at " + at + " in the " + writer + " schema"
	case MissingUnionBranch:
		return "The " + reader + " schema is missing a type inside a union field at " + at + " in the " + writer + " schema"
	}
	return "The field '" + i.Detail + "' at " + at + " in the " + reader + " schema has no default value and is missing in the " + writer + " schema"
}

// maxPairs bounds a comparison: unions of thousands of records with each other would take
// all memory.
const maxPairs = 1 << 18

type schemaPair struct{ reader, writer *Schema }

// verdict is what is known of a pair. While a pair is being compared it counts as
// compatible, which is what ends recursion.
type verdict struct{ found []Incompatibility }

type comparison struct {
	known map[schemaPair]*verdict
	path  []string
	err   error
}

func (c *comparison) compare(token string, reader, writer *Schema) *verdict {
	pair := schemaPair{reader, writer}
	if v := c.known[pair]; v != nil {
		return v
	}
	if len(c.known) >= maxPairs {
		c.err = fmt.Errorf("more than %d pairs of types to compare", maxPairs)
		return &verdict{}
	}
	c.known[pair] = &verdict{}
	c.path = append(c.path, token)
	v := &verdict{c.calculate(reader, writer)}
	c.path = c.path[:len(c.path)-1]
	c.known[pair] = v
	return v
}

func (c *comparison) mismatch(t Mismatch, detail string, below ...string) []Incompatibility {
	return []Incompatibility{{Type: t, Path: c.pointer(below...), Detail: detail}}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func (c *comparison) pointer(below ...string) string {
	var b strings.Builder
	for _, token := range append(c.path[1:len(c.path):len(c.path)], below...) {
		b.WriteByte('/')
		b.WriteString(pointerEscape.Replace(token))
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

func (c *comparison) calculate(reader, writer *Schema) []Incompatibility {
	if reader.Type != writer.Type {
		return c.differentTypes(reader, writer)
	}
	switch reader.Type {
	case Array:
		return c.compare("items", reader.Elem, writer.Elem).found
	case Map:
		return c.compare("values", reader.Elem, writer.Elem).found
	case Fixed:
		found := c.names(reader, writer)
		if reader.Size != writer.Size {
			found = append(found, c.mismatch(FixedSizeMismatch, fmt.Sprintf("expected: %d, found: %d", writer.Size, reader.Size), "size")...)
		}
		return found
	case Enum:
		return append(c.names(reader, writer), c.symbols(reader, writer)...)
	case Record:
		return append(c.names(reader, writer), c.fields(reader, writer)...)
	case Union:
		return c.unions(reader, writer)
	}
	return nil
}

// unions names the writer's branches that the reader has nothing for; what is wrong with
// its nearest branch stays unsaid.
func (c *comparison) unions(reader, writer *Schema) (found []Incompatibility) {
	for i, branch := range writer.Union {
		if len(c.compare(strconv.Itoa(i), reader, branch).found) > 0 {
			found = append(found, c.mismatch(MissingUnionBranch, lacking(branch), strconv.Itoa(i))...)
		}
	}
	return found
}

func lacking(writer *Schema) string { return "reader union lacking writer type: " + upper(writer) }

func upper(s *Schema) string { return strings.ToUpper(s.Type.String()) }

func (c *comparison) differentTypes(reader, writer *Schema) (found []Incompatibility) {
	if writer.Type == Union {
		for i, branch := range writer.Union {
			found = append(found, c.compare(strconv.Itoa(i), reader, branch).found...)
		}
		return found
	}
	if reader.Type == Union {
		if c.anyReads(reader.Union, writer) {
			return nil
		}
		return c.mismatch(MissingUnionBranch, lacking(writer))
	}
	if Promotes(writer.Type, reader.Type) {
		return nil
	}
	return c.mismatch(TypeMismatch, fmt.Sprintf("reader type: %s not compatible with writer type: %s", upper(reader), upper(writer)))
}

// anyReads compares the branches of a reader's union. Paths begin anew there, as in Java:
// what is found is seen only where the same two types meet once more.
func (c *comparison) anyReads(branches []*Schema, writer *Schema) bool {
	path := c.path
	c.path = nil
	defer func() { c.path = path }()
	for _, branch := range branches {
		if len(c.compare("", branch, writer).found) == 0 {
			return true
		}
	}
	return false
}

// Promotes reports whether data written as one type may be read as another one.
func Promotes(written, read Type) bool {
	switch read {
	case Long:
		return written == Int
	case Float:
		return written == Int || written == Long
	case Double:
		return written == Int || written == Long || written == Float
	case Bytes:
		return written == String
	case String:
		return written == Bytes
	}
	return false
}

// names compares names without their namespaces, as Java does, and then the reader's
// aliases.
func (c *comparison) names(reader, writer *Schema) []Incompatibility {
	if reader.Name == writer.Name || slices.Contains(reader.Aliases, writer.FullName()) {
		return nil
	}
	return c.mismatch(NameMismatch, "expected: "+writer.FullName(), "name")
}

func (c *comparison) symbols(reader, writer *Schema) []Incompatibility {
	known := make(map[string]bool, len(reader.Symbols))
	for _, symbol := range reader.Symbols {
		known[symbol] = true
	}
	var missing []string
	for _, symbol := range writer.Symbols {
		if !known[symbol] {
			missing = append(missing, symbol)
		}
	}
	if len(missing) == 0 || reader.Default != nil && known[reader.Default.Text] {
		return nil
	}
	slices.Sort(missing)
	return c.mismatch(MissingEnumSymbols, "["+strings.Join(missing, ", ")+"]", "symbols")
}

func (c *comparison) fields(reader, writer *Schema) (found []Incompatibility) {
	written := make(map[string]*Field, len(writer.Fields))
	for i := range writer.Fields {
		written[writer.Fields[i].Name] = &writer.Fields[i]
	}
	c.path = append(c.path, "fields", "")
	for i := range reader.Fields {
		f := &reader.Fields[i]
		c.path[len(c.path)-1] = strconv.Itoa(i)
		source := c.source(f, writer, written)
		switch {
		case source != nil:
			found = append(found, c.compare("type", f.Schema, source.Schema).found...)
		case f.Default != nil:
		case f.Schema.Type == Enum && f.Schema.Default != nil:
			found = append(found, c.compare("type", f.Schema, writer).found...)
		default:
			found = append(found, c.mismatch(ReaderFieldMissingDefaultValue, f.Name)...)
		}
	}
	c.path = c.path[:len(c.path)-2]
	return found
}

// source finds the writer's field for a reader's field, by its name and its aliases. An
// alias that repeats the name counts as a second match, as it does in Java.
func (c *comparison) source(f *Field, writer *Schema, written map[string]*Field) *Field {
	found := written[f.Name]
	for i, alias := range f.Aliases {
		other := written[alias]
		if other == nil || slices.Contains(f.Aliases[:i], alias) {
			continue
		}
		if found != nil {
			c.err = fmt.Errorf("reader record field %s matches multiple fields in writer record schema %s", f.Name, writer.FullName())
			return found
		}
		found = other
	}
	return found
}
