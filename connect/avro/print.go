// SPDX-License-Identifier: Apache-2.0

package avro

// String returns the text of the schema as Java's Schema.toString of Avro 1.12 writes
// it: no white space, attributes in a fixed order, a namespace only where it changes,
// and named schemas as their name from the second time on.
func (s *Schema) String() string { return s.Text() }

// Text is String; schemas in known are written as their names from the first time on,
// as the original does with the references of a registered schema.
func (s *Schema) Text(known ...*Schema) string {
	p := printer{seen: map[string]bool{}}
	for _, k := range known {
		p.seen[k.FullName()] = true
	}
	p.schema(s, "")
	return string(p.out)
}

type printer struct {
	out  []byte
	seen map[string]bool
}

func (p *printer) text(s string)   { p.out = append(p.out, s...) }
func (p *printer) quoted(s string) { p.out = appendQuoted(p.out, s) }

func (p *printer) member(name, value string) {
	p.text(`,"` + name + `":`)
	p.quoted(value)
}

func (p *printer) schema(s *Schema, space string) {
	switch s.Type {
	case Union:
		p.list(len(s.Union), func(i int) { p.schema(s.Union[i], space) })
	case Record, Enum, Fixed:
		p.named(s, space)
	case Array, Map:
		p.text(`{"type":"` + s.Type.String() + `","`)
		if s.Type == Array {
			p.text(`items":`)
		} else {
			p.text(`values":`)
		}
		p.schema(s.Elem, space)
		p.props(s.Props)
		p.text("}")
	default:
		if len(s.Props) == 0 {
			p.quoted(s.Type.String())
			return
		}
		p.text(`{"type":"` + s.Type.String() + `"`)
		p.props(s.Props)
		p.text("}")
	}
}

func (p *printer) list(n int, each func(i int)) {
	p.text("[")
	for i := range n {
		if i > 0 {
			p.text(",")
		}
		each(i)
	}
	p.text("]")
}

func (p *printer) named(s *Schema, space string) {
	full := s.FullName()
	if p.seen[full] {
		p.quoted(relative(s.Name, s.Namespace, space))
		return
	}
	p.seen[full] = true
	if s.Error {
		p.text(`{"type":"error"`)
	} else {
		p.text(`{"type":"` + s.Type.String() + `"`)
	}
	p.member("name", s.Name)
	if s.Namespace != space {
		p.member("namespace", s.Namespace)
	}
	if s.Doc != nil {
		p.member("doc", *s.Doc)
	}
	switch s.Type {
	case Record:
		p.text(`,"fields":`)
		p.list(len(s.Fields), func(i int) { p.field(&s.Fields[i], s.Namespace) })
	case Enum:
		p.text(`,"symbols":`)
		p.list(len(s.Symbols), func(i int) { p.quoted(s.Symbols[i]) })
		if s.Default != nil {
			p.text(`,"default":`)
			p.out = s.Default.Append(p.out)
		}
	case Fixed:
		p.text(`,"size":`)
		p.out = IntJSON(int64(s.Size)).Append(p.out)
	}
	p.props(s.Props)
	p.aliases(s)
	p.text("}")
}

func (p *printer) aliases(s *Schema) {
	if len(s.Aliases) == 0 {
		return
	}
	p.text(`,"aliases":`)
	p.list(len(s.Aliases), func(i int) {
		name, namespace := split(s.Aliases[i])
		p.quoted(relative(name, namespace, s.Namespace))
	})
}

func (p *printer) field(f *Field, space string) {
	p.text(`{"name":`)
	p.quoted(f.Name)
	p.text(`,"type":`)
	p.schema(f.Schema, space)
	if f.Doc != nil {
		p.member("doc", *f.Doc)
	}
	if f.Default != nil {
		p.text(`,"default":`)
		p.out = f.Default.Append(p.out)
	}
	if f.Order != "" && f.Order != "ascending" {
		p.member("order", f.Order)
	}
	if len(f.Aliases) > 0 {
		p.text(`,"aliases":`)
		p.list(len(f.Aliases), func(i int) { p.quoted(f.Aliases[i]) })
	}
	p.props(f.Props)
	p.text("}")
}

func (p *printer) props(props []Prop) {
	for _, prop := range props {
		p.text(",")
		p.quoted(prop.Name)
		p.text(":")
		p.out = prop.Value.Append(p.out)
	}
}

// relative is the name by which a schema can be referred to from a namespace: the
// short one in the same namespace, unless it would read as a primitive type.
func relative(name, namespace, space string) string {
	if namespace == space {
		if _, taken := primitive(name); !taken || namespace == "" {
			return name
		}
	}
	return qualify(name, namespace)
}
