// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// parsed is a schema with those that it refers to.
type parsed struct {
	schema *avro.Schema
	refs   []*avro.Schema
}

// text is the form in which the schema is stored: what it refers to stays a name.
func (p parsed) text() string { return p.schema.Text(p.refs...) }

// maxReferences bounds how many schemas one refers to, directly or not.
const maxReferences = 1000

// resolver collects the schemas that one refers to, each behind those that it needs.
type resolver struct {
	state   *state
	visited map[string]bool
	refs    []*avro.Schema
}

// parse reads a version's text. References to the latest version are replaced by the
// number that it has; deleted versions may be referred to. Defaults are checked only on
// request. Both is as in the original.
func (s *state) parse(v *version, defaults bool) (parsed, error) {
	if v.Type != typeAvro {
		//lint:ignore ST1005 the text is the original's, and part of the protocol
		return parsed{}, fmt.Errorf("Invalid schema type %s", v.Type)
	}
	r := resolver{state: s, visited: map[string]bool{}}
	if err := r.resolve(v.Subject, v.References); err != nil {
		return parsed{}, err
	}
	schema, err := avro.Options{LaxDefaults: !defaults}.Parse(v.Schema, r.refs...)
	if err != nil {
		return parsed{}, err
	}
	return parsed{schema, r.refs}, nil
}

func (r *resolver) resolve(from string, refs []avro.Reference) error {
	for i := range refs {
		ref := &refs[i]
		subject := within(contextOf(from), ref.Subject)
		v := r.state.version(subject, ref.Version, withDeleted)
		if v == nil {
			//lint:ignore ST1005 the text is the original's, and part of the protocol
			return fmt.Errorf("No schema reference found for subject \"%s\" and version %d", ref.Subject, ref.Version)
		}
		ref.Version = v.Version
		if r.visited[ref.Name] {
			continue
		}
		if r.visited[ref.Name] = true; len(r.visited) > maxReferences {
			return fmt.Errorf("more than %d references", maxReferences)
		}
		if err := r.resolve(v.Subject, cloneReferences(v.References)); err != nil {
			return err
		}
		schema, err := avro.Options{LaxDefaults: true}.Parse(v.Schema, r.refs...)
		if err != nil {
			return err
		}
		r.refs = append(r.refs, schema)
	}
	return nil
}

func cloneReferences(refs []avro.Reference) []avro.Reference {
	return append([]avro.Reference(nil), refs...)
}

// canonical parses what a request brings and gives it the form in which it is stored.
func (s *state) canonical(v *version, normalize bool) (parsed, error) {
	if v.Type != typeAvro {
		return parsed{}, invalidSchema("Invalid schema type %s", v.Type)
	}
	importing := s.modeInScope(v.Subject) == modeImport
	p, err := s.parse(v, normalize)
	if err != nil {
		return parsed{}, invalidSchema("Invalid schema %s with refs %s of type %s, details: %v", v, referencesText(v.References), v.Type, err)
	}
	if normalize && !importing {
		p.schema = avro.Normalize(p.schema)
		v.References = sortedReferences(v.References)
	}
	v.Schema = p.text()
	return p, nil
}

// String is the form in which the original's messages show a schema.
func (v *version) String() string {
	return fmt.Sprintf("{subject=%s,version=%d,id=%d,schemaType=%s,references=%s,metadata=%s,ruleSet=%s,schema=%s,schemaTags=null}",
		v.Subject, v.Version, v.ID, v.Type, referencesText(v.References), jsonText(v.Metadata), jsonText(v.RuleSet), v.Schema)
}

func jsonText(v *avro.JSON) string {
	if v == nil {
		return "null"
	}
	return v.String()
}

func referencesText(refs []avro.Reference) string {
	var texts []string
	for _, r := range refs {
		texts = append(texts, fmt.Sprintf("{name='%s', subject='%s', version=%d}", r.Name, r.Subject, r.Version))
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
