// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"fmt"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// ResolutionError says why a reader's schema cannot read what a writer wrote.
type ResolutionError struct {
	// Path leads to the place in the reader's schema: fields with a dot in front, [] for
	// elements, {} for values of maps; "" for the whole.
	Path string
	// Rule is the rule of Avro's schema resolution that is broken.
	Rule string
}

// Error names path and rule.
func (e *ResolutionError) Error() string {
	if e.Path == "" {
		return "resolve schemas: " + e.Rule
	}
	return "resolve schemas: at " + e.Path + ": " + e.Rule
}

func cannot(path, format string, args ...any) error {
	return &ResolutionError{Path: path, Rule: fmt.Sprintf(format, args...)}
}

// decodePlan decodes what was written under one schema as another sees it.
type decodePlan struct {
	root   decoder
	schema *connect.Schema
}

// planner compiles one decode plan. Schemas may contain themselves: a record that is
// being compiled is found again by what it is made of.
type planner struct {
	options  DataOptions
	records  map[planKey]decoder
	order    []planKey // of records, as they were begun
	skips    map[*schema.Schema]skipper
	leasts   map[*schema.Schema]int
	pendings []pendingDefault
	// whole says that the bytes at the top of the message have no length.
	whole bool
}

type planKey struct {
	writer, reader *schema.Schema
	to             *connect.Schema
}

// pendingDefault is a default whose value is made when all records are compiled.
type pendingDefault struct {
	step   *fieldsStep
	at     int
	reader *schema.Schema
	to     *connect.Schema
	json   *schema.JSON
	path   string
}

func newPlanner(o DataOptions) *planner {
	return &planner{options: o, records: map[planKey]decoder{}, skips: map[*schema.Schema]skipper{}, leasts: map[*schema.Schema]int{}}
}

// compileDecoder makes the plan that reads data of w as r sees it, as values of to;
// without to, as values without a schema. The error is a *ResolutionError.
func compileDecoder(o DataOptions, w, r *schema.Schema, to *connect.Schema) (*decodePlan, error) {
	p := newPlanner(o)
	p.whole = w.Type == schema.Bytes
	root, err := p.resolve(w, r, to, "")
	if err != nil {
		return nil, err
	}
	for i := range p.pendings {
		d := &p.pendings[i]
		v, err := o.defaultOf(d.reader, d.to, d.json)
		if err != nil {
			return nil, cannot(d.path, "default %s: %v", d.json, err)
		}
		d.step.defaults[d.at].value = v
	}
	return &decodePlan{root: root, schema: to}, nil
}

// defaultOf is the value of a default: it is written as data and read again.
func (o DataOptions) defaultOf(r *schema.Schema, to *connect.Schema, d *schema.JSON) (connect.Value, error) {
	data, err := appendDefault(nil, r, d)
	if err != nil {
		return connect.Null(), err
	}
	p := newPlanner(o)
	step, err := p.resolve(r, r, to, "")
	if err != nil {
		return connect.Null(), err
	}
	var c cursor
	limits := Limits{}.withDefaults()
	c.reset(new(connect.Arena), data, &limits)
	var v connect.Value
	err = step.decode(&c, &v)
	return connect.Clone(v), err
}

func (p *planner) resolve(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	switch {
	case w.Type == schema.Union:
		return p.writerUnion(w, r, to, path)
	case r.Type == schema.Union:
		return p.readerUnion(w, r, to, path)
	case r.Type == schema.Record && w.Type == schema.Record:
		return p.record(w, r, to, path)
	case r.Type == schema.Array && w.Type == schema.Array:
		return p.array(w, r, to, path)
	case r.Type == schema.Map && w.Type == schema.Map:
		return p.mapping(w, r, to, path)
	}
	return p.scalar(w, r, to, path)
}

func (p *planner) writerUnion(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	steps := make([]decoder, len(w.Union))
	var first error
	readable := 0
	for i, b := range w.Union {
		step, err := p.resolve(b, r, to, path)
		if err != nil {
			steps[i] = refusal{"the writer's union holds " + b.FullName() + ": " + err.Error()}
			if first == nil {
				first = err
			}
			continue
		}
		steps[i] = step
		readable++
	}
	if readable == 0 && first != nil {
		return nil, first
	}
	if null := w.Nullable(); len(steps) == 2 && null >= 0 {
		if _, ok := steps[null].(nullStep); ok {
			return &nullableStep{some: steps[1-null], which: byte(2 * (1 - null))}, nil
		}
	}
	return &unionStep{steps}, nil
}

func (p *planner) readerUnion(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	j := p.branch(w, r)
	if j < 0 {
		return nil, cannot(path, "the reader's union %s has no branch for %s", r, typeName(w))
	}
	if r.Union[j].Type == schema.Null {
		return nullStep{}, nil
	}
	if to == nil || !isUnion(to) {
		return p.resolve(w, r.Union[j], to, path)
	}
	slot := j
	if null := r.Nullable(); null >= 0 && null < j {
		slot--
	}
	inner, err := p.resolve(w, r.Union[j], to.Fields()[slot].Schema, path)
	if err != nil {
		return nil, err
	}
	return &memberStep{schema: to, slot: slot, inner: inner}, nil
}

// branch finds the branch of the reader's union that reads w: the one of the same type
// and name, else a record of the same simple name or of a fitting structure, else the
// first to which w can be promoted; -1 if there is none.
func (p *planner) branch(w, r *schema.Schema) int {
	similar := -1
	for j, b := range r.Union {
		if b.Type != w.Type {
			continue
		}
		if !w.Type.Named() || sameName(w, b) {
			return j
		}
		if similar < 0 && w.Type == schema.Record && w.Name == b.Name {
			similar = j
		}
	}
	if similar >= 0 {
		return similar
	}
	for j, b := range r.Union {
		if w.Type == schema.Record && b.Type == schema.Record {
			if _, err := newPlanner(p.options).resolve(w, b, nil, ""); err == nil {
				return j
			}
		}
	}
	for j, b := range r.Union {
		if schema.Promotes(w.Type, b.Type) {
			return j
		}
	}
	return -1
}

// sameName reports whether the full name of w is that of r or one of its aliases.
func sameName(w, r *schema.Schema) bool {
	full := w.FullName()
	if full == r.FullName() {
		return true
	}
	for _, a := range r.Aliases {
		if a == full {
			return true
		}
	}
	return false
}

func typeName(s *schema.Schema) string {
	if s.Type.Named() {
		return s.Type.String() + " " + s.FullName()
	}
	return s.Type.String()
}

// record compiles a record. Like the original's resolver it does not ask for the name
// at this place: only unions choose by name.
func (p *planner) record(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	key := planKey{w, r, to}
	if step, ok := p.records[key]; ok {
		return step, nil
	}
	if to != nil && (to.Type() != connect.TypeStruct || len(to.Fields()) != len(r.Fields)) {
		return nil, cannot(path, "%s is not read as %s", typeName(r), to)
	}
	before, pending := len(p.order), len(p.pendings)
	step, fields := recordStep(r, to)
	p.records[key], p.order = step, append(p.order, key)
	err := p.fields(fields, w, r, func(i int) *connect.Schema {
		if to == nil {
			return nil
		}
		return to.Fields()[i].Schema
	}, path)
	if err == nil {
		return step, nil
	}
	// A union may get on without this branch: nothing that refers to it may stay.
	for _, k := range p.order[before:] {
		delete(p.records, k)
	}
	p.order, p.pendings = p.order[:before], p.pendings[:pending]
	return nil, err
}

// recordStep is the step of a record, and the part of it that has yet to be compiled.
func recordStep(r *schema.Schema, to *connect.Schema) (decoder, *fieldsStep) {
	switch {
	case to != nil:
		s := &structStep{schema: to}
		return s, &s.fieldsStep
	case r.FullName() == anythingName:
		s := &anythingStep{}
		return s, &s.fieldsStep
	}
	s := &objectStep{}
	for i := range r.Fields {
		s.names = append(s.names, connect.String(r.Fields[i].Name))
	}
	return s, &s.fieldsStep
}

// fields compiles the fields of a record: those of the writer in their order, then the
// defaults of those that only the reader has.
func (p *planner) fields(s *fieldsStep, w, r *schema.Schema, to func(int) *connect.Schema, path string) error {
	s.slots = len(r.Fields)
	place := places(w, r)
	written := make([]bool, len(r.Fields))
	for i := range w.Fields {
		f := &w.Fields[i]
		if place[i] < 0 {
			s.fields = append(s.fields, fieldStep{skip: p.skipper(f.Schema), name: f.Name})
			continue
		}
		j := place[i]
		written[j] = true
		step, err := p.resolve(f.Schema, r.Fields[j].Schema, to(j), path+"."+r.Fields[j].Name)
		if err != nil {
			return err
		}
		s.fields = append(s.fields, fieldStep{decode: step, slot: j, name: r.Fields[j].Name})
	}
	for j := range r.Fields {
		f := &r.Fields[j]
		if written[j] {
			continue
		}
		if f.Default == nil {
			return cannot(path+"."+f.Name, "the writer's %s has no such field, and the reader has no default for it", typeName(w))
		}
		s.defaults = append(s.defaults, defaultStep{slot: j})
		p.pendings = append(p.pendings, pendingDefault{s, len(s.defaults) - 1, f.Schema, to(j), f.Default, path + "." + f.Name})
	}
	return nil
}

// places says for each field of the writer which field of the reader takes it: the one
// of its name, else the first with such an alias whose own name the writer does not
// have; -1 for none.
func places(w, r *schema.Schema) []int {
	place := make([]int, len(w.Fields))
	for i := range place {
		place[i] = -1
	}
	at := func(name string) int {
		for i := range w.Fields {
			if w.Fields[i].Name == name {
				return i
			}
		}
		return -1
	}
	for j := range r.Fields {
		if i := at(r.Fields[j].Name); i >= 0 {
			place[i] = j
		}
	}
	for j := range r.Fields {
		if at(r.Fields[j].Name) >= 0 {
			continue
		}
		for _, alias := range r.Fields[j].Aliases {
			if i := at(alias); i >= 0 && place[i] < 0 {
				place[i] = j
				break
			}
		}
	}
	return place
}

func (p *planner) array(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	path += "[]"
	least := p.least(w.Elem)
	entries := to != nil && to.Type() == connect.TypeMap || to == nil && isMapEntry(r.Elem)
	key, value, ok := entryFields(r.Elem)
	switch {
	case entries && w.Elem.Type == schema.Record && ok:
		s := &entriesStep{least: least, key: key, value: value}
		return s, p.fields(&s.fieldsStep, w.Elem, r.Elem, func(i int) *connect.Schema {
			switch {
			case to == nil:
				return nil
			case i == key:
				return to.Key()
			}
			return to.Elem()
		}, path)
	case entries:
		return nil, cannot(path, "the entries of a map are records of key and value, not %s", typeName(w.Elem))
	case to != nil && to.Type() != connect.TypeArray:
		return nil, cannot(path, "an array is not read as %s", to)
	}
	var elem *connect.Schema
	if to != nil {
		elem = to.Elem()
	}
	step, err := p.resolve(w.Elem, r.Elem, elem, path)
	return &arrayStep{elem: step, least: least}, err
}

// entryFields are the places of key and value in the record of a map's entry.
func entryFields(r *schema.Schema) (key, value int, ok bool) {
	if r.Type != schema.Record || len(r.Fields) != 2 {
		return 0, 0, false
	}
	if r.Fields[0].Name == "value" {
		value = 1
	}
	key, value = value, 1-value
	return key, value, r.Fields[key].Name == "key" && r.Fields[value].Name == "value"
}

func (p *planner) mapping(w, r *schema.Schema, to *connect.Schema, path string) (decoder, error) {
	path += "{}"
	var elem *connect.Schema
	if to != nil {
		if to.Type() != connect.TypeMap {
			return nil, cannot(path, "a map is not read as %s", to)
		}
		elem = to.Elem()
	}
	step, err := p.resolve(w.Elem, r.Elem, elem, path)
	return &mapStep{elem: step, least: 1 + p.least(w.Elem)}, err
}
