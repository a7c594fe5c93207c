// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseError says where a schema text breaks which rule. Path is a JSON pointer into
// the text.
type ParseError struct {
	Path, Rule string
}

// Error names the place and the rule.
func (e *ParseError) Error() string {
	if e.Path == "" {
		return "parse Avro schema: " + e.Rule
	}
	return "parse Avro schema: at " + e.Path + ": " + e.Rule
}

// Options change how strict Parse is.
type Options struct {
	// LaxDefaults accepts defaults that do not fit the type of their field, as texts that
	// were registered long ago may have.
	LaxDefaults bool
}

// Parse reads a schema text. known are schemas that it may refer to by name, with all
// that is defined inside them. Names, unions and defaults are checked by the
// specification's rules; the error is a *ParseError.
func Parse(text string, known ...*Schema) (*Schema, error) {
	return Options{}.Parse(text, known...)
}

// Parse is the function of that name under these options.
func (o Options) Parse(text string, known ...*Schema) (*Schema, error) {
	v, err := ParseJSON(blankComments(text))
	if err != nil {
		return nil, &ParseError{Rule: err.Error()}
	}
	p := parser{options: o, names: map[string]*Schema{}}
	for _, k := range known {
		Walk(k, func(s *Schema) {
			if s.Type.Named() {
				p.names[s.FullName()] = s
			}
		})
	}
	return p.schema(v, "", "", 0)
}

// Walk calls visit for every schema of the tree, each once, parents first.
func Walk(s *Schema, visit func(*Schema)) {
	walk(s, visit, map[*Schema]bool{})
}

func walk(s *Schema, visit func(*Schema), seen map[*Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	visit(s)
	walk(s.Elem, visit, seen)
	for _, b := range s.Union {
		walk(b, visit, seen)
	}
	for i := range s.Fields {
		walk(s.Fields[i].Schema, visit, seen)
	}
}

type parser struct {
	options Options
	names   map[string]*Schema
}

func fail(path, format string, args ...any) error {
	return &ParseError{Path: path, Rule: fmt.Sprintf(format, args...)}
}

func (p *parser) schema(v *JSON, path, space string, depth int) (*Schema, error) {
	if depth > maxDepth {
		return nil, fail(path, "nested deeper than %d", maxDepth)
	}
	switch v.Kind {
	case JSONString:
		return p.reference(v.Text, path, space)
	case JSONArray:
		return p.union(v, path, space, depth)
	case JSONObject:
		return p.object(v, path, space, depth)
	}
	return nil, fail(path, "a schema is a name, an object or an array, not %s", v)
}

func (p *parser) reference(name, path, space string) (*Schema, error) {
	if t, ok := primitive(name); ok {
		return &Schema{Type: t}, nil
	}
	if s := p.names[qualify(name, space)]; s != nil {
		return s, nil
	}
	if s := p.names[name]; s != nil {
		return s, nil
	}
	return nil, fail(path, "undefined name %q", qualify(name, space))
}

func (p *parser) union(v *JSON, path, space string, depth int) (*Schema, error) {
	s := &Schema{Type: Union}
	have := map[string]bool{}
	for i, item := range v.Items {
		at := path + "/" + strconv.Itoa(i)
		b, err := p.schema(item, at, space, depth+1)
		if err != nil {
			return nil, err
		}
		if b.Type == Union {
			return nil, fail(at, "a union directly inside a union")
		}
		if have[b.FullName()] {
			return nil, fail(at, "%q is twice in the union", b.FullName())
		}
		have[b.FullName()] = true
		s.Union = append(s.Union, b)
	}
	return s, nil
}

func (p *parser) object(v *JSON, path, space string, depth int) (*Schema, error) {
	t := v.Get("type")
	if t == nil {
		return nil, fail(path, `no "type"`)
	}
	if t.Kind != JSONString {
		return nil, fail(path+"/type", "the type of a schema is a name, not %s", t)
	}
	switch t.Text {
	case "record", "error":
		return p.record(v, path, space, depth)
	case "enum":
		return p.enum(v, path, space)
	case "fixed":
		return p.fixed(v, path, space)
	case "array", "map":
		return p.container(v, path, space, depth)
	}
	if prim, ok := primitive(t.Text); ok {
		return &Schema{Type: prim, Props: others(v, reserved)}, nil
	}
	return p.reference(t.Text, path+"/type", space)
}

func (p *parser) container(v *JSON, path, space string, depth int) (*Schema, error) {
	s, member := &Schema{Type: Array}, "items"
	if v.Get("type").Text == "map" {
		s.Type, member = Map, "values"
	}
	elem := v.Get(member)
	if elem == nil {
		return nil, fail(path, "%s has no %q", s.Type, member)
	}
	var err error
	s.Elem, err = p.schema(elem, path+"/"+member, space, depth+1)
	s.Props = others(v, reserved)
	return s, err
}

// named reads what records, enums and fixed have in common, and makes the name known.
func (p *parser) named(v *JSON, t Type, path, space string) (*Schema, error) {
	name, ok := text(v.Get("name"))
	if !ok {
		return nil, fail(path, "%s has no name", t)
	}
	s := &Schema{Type: t, Name: name, Namespace: space}
	if strings.IndexByte(name, '.') >= 0 {
		s.Name, s.Namespace = split(name)
	} else if ns, ok := text(v.Get("namespace")); ok {
		s.Namespace = ns
	}
	if err := checkName(s.Name); err != nil {
		return nil, fail(path+"/name", "%v", err)
	}
	if err := checkParts(s.Namespace); s.Namespace != "" && err != nil {
		return nil, fail(path+"/namespace", "%v", err)
	}
	if _, taken := primitive(s.FullName()); taken {
		return nil, fail(path+"/name", "%q is the name of a primitive type", s.Name)
	}
	if p.names[s.FullName()] != nil {
		return nil, fail(path+"/name", "%q is defined twice", s.FullName())
	}
	s.Doc = optional(v.Get("doc"))
	aliases, err := names(v.Get("aliases"), path+"/aliases")
	if err != nil {
		return nil, err
	}
	for i, a := range aliases {
		if err := checkParts(a); err != nil {
			return nil, fail(path+"/aliases/"+strconv.Itoa(i), "%v", err)
		}
		s.Aliases = append(s.Aliases, qualify(a, s.Namespace))
	}
	p.names[s.FullName()] = s
	return s, nil
}

func (p *parser) record(v *JSON, path, space string, depth int) (*Schema, error) {
	s, err := p.named(v, Record, path, space)
	if err != nil {
		return nil, err
	}
	fields := v.Get("fields")
	if fields == nil || fields.Kind != JSONArray {
		return nil, fail(path, `record %q has no array "fields"`, s.FullName())
	}
	complete := make([]Field, 0, len(fields.Items))
	have := map[string]bool{}
	for i, item := range fields.Items {
		at := path + "/fields/" + strconv.Itoa(i)
		f, err := p.field(item, at, s.Namespace, depth)
		if err != nil {
			return nil, err
		}
		if have[f.Name] {
			return nil, fail(at, "field %q is twice in record %q", f.Name, s.FullName())
		}
		have[f.Name] = true
		complete = append(complete, f)
	}
	s.Fields = complete
	s.Error = v.Get("type").Text == "error"
	s.Props = others(v, reserved)
	return s, nil
}

func (p *parser) field(v *JSON, path, space string, depth int) (f Field, err error) {
	name, ok := text(v.Get("name"))
	if !ok {
		return f, fail(path, "the field has no name")
	}
	if err := checkName(name); err != nil {
		return f, fail(path+"/name", "%v", err)
	}
	t := v.Get("type")
	if t == nil {
		return f, fail(path, "field %q has no type", name)
	}
	f = Field{Name: name, Doc: optional(v.Get("doc")), Default: v.Get("default")}
	if f.Schema, err = p.schema(t, path+"/type", space, depth+1); err != nil {
		return f, err
	}
	order, ok := text(v.Get("order"))
	if f.Order = strings.ToLower(order); ok && f.Order != "ascending" && f.Order != "descending" && f.Order != "ignore" {
		return f, fail(path+"/order", "order is ascending, descending or ignore, not %q", order)
	}
	if f.Aliases, err = names(v.Get("aliases"), path+"/aliases"); err != nil {
		return f, err
	}
	if f.Default != nil && !p.options.LaxDefaults {
		if rule := checkDefault(f.Schema, f.Default, 0); rule != "" {
			return f, fail(path+"/default", "invalid default for field %s: %s", name, rule)
		}
	}
	f.Props = others(v, fieldReserved)
	return f, nil
}

func (p *parser) enum(v *JSON, path, space string) (*Schema, error) {
	s, err := p.named(v, Enum, path, space)
	if err != nil {
		return nil, err
	}
	if v.Get("symbols") == nil {
		return nil, fail(path, "enum %q has no symbols", s.FullName())
	}
	if s.Symbols, err = names(v.Get("symbols"), path+"/symbols"); err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for i, symbol := range s.Symbols {
		at := path + "/symbols/" + strconv.Itoa(i)
		if err := checkName(symbol); err != nil {
			return nil, fail(at, "%v", err)
		}
		if have[symbol] {
			return nil, fail(at, "symbol %q is twice in enum %q", symbol, s.FullName())
		}
		have[symbol] = true
	}
	if d, ok := text(v.Get("default")); ok {
		if !have[d] {
			return nil, fail(path+"/default", "default %q is no symbol of enum %q", d, s.FullName())
		}
		s.Default = StringJSON(d)
	}
	s.Props = others(v, reserved, "default")
	return s, nil
}

func (p *parser) fixed(v *JSON, path, space string) (*Schema, error) {
	s, err := p.named(v, Fixed, path, space)
	if err != nil {
		return nil, err
	}
	size, ok := v.Get("size").Int()
	if !ok || size < 0 || size > maxText {
		return nil, fail(path, "fixed %q needs a size from 0 to %d", s.FullName(), maxText)
	}
	s.Size = int(size)
	s.Props = others(v, reserved)
	return s, nil
}

func text(v *JSON) (string, bool) {
	if v == nil || v.Kind != JSONString {
		return "", false
	}
	return v.Text, true
}

func optional(v *JSON) *string {
	if t, ok := text(v); ok {
		return &t
	}
	return nil
}

func names(v *JSON, path string) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	if v.Kind != JSONArray {
		return nil, fail(path, "not an array of strings")
	}
	var all []string
	for _, item := range v.Items {
		t, ok := text(item)
		if !ok {
			return nil, fail(path, "not an array of strings")
		}
		all = append(all, t)
	}
	return all, nil
}

// The attributes that Java keeps to itself. It drops them where they mean nothing.
var (
	reserved      = []string{"type", "name", "namespace", "doc", "aliases", "fields", "symbols", "items", "values", "size"}
	fieldReserved = []string{"name", "type", "doc", "default", "order", "aliases"}
)

// others are the members that are not reserved.
func others(v *JSON, reserved []string, more ...string) []Prop {
	var props []Prop
	for _, m := range v.Members {
		if !contains(reserved, m.Name) && !contains(more, m.Name) {
			props = append(props, Prop(m))
		}
	}
	return props
}

// checkParts holds the rule of names for each part of a full one.
func checkParts(full string) error {
	for part := range strings.SplitSeq(full, ".") {
		if err := checkName(part); err != nil {
			return err
		}
	}
	return nil
}

// checkName holds the rule of names: a letter or underscore, then letters, digits and
// underscores.
func checkName(name string) error {
	if name == "" {
		return fmt.Errorf("empty name")
	}
	for i, c := range name {
		if c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9' {
			continue
		}
		return fmt.Errorf("illegal character %q in name %q: a name begins with a letter or _ and goes on with letters, digits and _", c, name)
	}
	return nil
}
