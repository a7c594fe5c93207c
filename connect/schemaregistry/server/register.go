// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// register answers POST /subjects/{subject}/versions.
func (s *Server) register(c *call) (any, error) {
	v, err := c.requested(c.args[0])
	if err != nil {
		return nil, err
	}
	if !validSubject(c.args[0]) {
		return nil, invalidSubject(c.args[0])
	}
	v.Subject = normalName(c.args[0])
	normalize := c.flag("normalize")
	if found := s.registered(*v, normalize); found != nil {
		return idEntity{found.ID}, nil
	}
	id := 0
	err = s.write(c.Context(), "Register schema", func(st *state) ([]Record, error) {
		r := registration{s: s, state: st, v: *v, normalize: normalize}
		r.v.References = cloneReferences(v.References)
		records, err := r.decide()
		id = r.v.ID
		return records, err
	})
	return idEntity{id}, err
}

// registered looks whether there is nothing to do, which is answered in every mode.
func (s *Server) registered(v version, normalize bool) *version {
	if v.Version > 0 {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, err := s.state.lookUp(v, normalize || s.state.configInScope(v.Subject, s.o.Compatibility).normalizes(), liveOnly)
	if err != nil || found == nil || v.ID >= 0 && v.ID != found.ID {
		return nil
	}
	if v.Version == latestVersion && found != s.state.latest(v.Subject) {
		return nil
	}
	return found
}

// registration decides about one schema, on a state that does not change meanwhile.
type registration struct {
	s         *Server
	state     *state
	v         version
	normalize bool
	config    settings
	mode      string
}

// decide returns the records that register the schema, none if it is registered already,
// and sets the version's id.
func (r *registration) decide() ([]Record, error) {
	if err := r.permitted(); err != nil {
		return nil, err
	}
	r.config = r.state.configInScope(r.v.Subject, r.s.o.Compatibility)
	r.normalize = r.normalize || r.config.normalizes()
	if err := r.complete(); err != nil {
		return nil, err
	}
	p, err := r.state.canonical(&r.v, r.normalize)
	if err != nil {
		return nil, err
	}
	if found := r.known(p); found != nil {
		r.v.ID = found.ID
		return nil, nil
	}
	if err := r.compatible(p); err != nil {
		return nil, err
	}
	if err := r.number(); err != nil {
		return nil, err
	}
	return r.records(), nil
}

func (r *registration) permitted() error {
	subject := r.v.Subject
	r.mode = r.state.modeInScope(subject)
	switch {
	case r.state.readOnly(subject):
		return readOnlyFailure(subject)
	case r.v.ID >= 0 && r.mode != modeImport:
		return notPermitted("Subject %s in context %s is not in import mode", subject, delimited(subject))
	case r.v.ID < 0 && r.mode != modeReadWrite:
		return notPermitted("Subject %s in context %s is not in read-write mode", subject, delimited(subject))
	}
	return nil
}

// complete takes from the previous version what a request leaves out.
func (r *registration) complete() error {
	previous := r.state.latest(r.v.Subject)
	if r.mode == modeImport {
		previous = nil
	}
	if strings.TrimSpace(r.v.Schema) == "" {
		if previous == nil {
			return invalidSchema("Empty schema")
		}
		r.v.Schema, r.v.Type, r.v.References = previous.Schema, previous.Type, cloneReferences(previous.References)
	}
	if previous == nil {
		return nil
	}
	if r.v.Metadata == nil {
		r.v.Metadata = previous.Metadata
	}
	if r.v.RuleSet == nil {
		r.v.RuleSet = previous.RuleSet
	}
	return nil
}

// known returns the version of the subject that has the schema. If another subject has
// it, only the id is taken over.
func (r *registration) known(p parsed) *version {
	wanted := r.v.ID
	if c := r.state.same(&r.v); c != nil && (wanted < 0 || wanted == c.id) {
		if found := c.under(r.v.Subject, liveOnly); found != nil && r.v.Version == 0 {
			return found
		}
		r.v.ID = c.id
	}
	if r.v.Version != 0 {
		return nil
	}
	found := r.state.equivalent(&r.v, p, liveOnly)
	if found == nil || r.v.ID >= 0 && r.v.ID != found.ID {
		return nil
	}
	return found
}

func (r *registration) compatible(p parsed) error {
	if r.mode == modeImport {
		return nil
	}
	level := r.config.level()
	messages, err := r.state.check(level, p, r.state.versions(r.v.Subject, liveOnly))
	if err != nil {
		return err
	}
	if len(messages) > 0 {
		return incompatible(r.v.Subject, "["+strings.Join(messages, ", ")+"]")
	}
	return nil
}

// number gives the schema its version and, unless it has one, its id.
func (r *registration) number() error {
	next := 1
	for number := range r.state.subjects[r.v.Subject] {
		next = max(next, number+1)
	}
	if r.v.Version <= 0 {
		r.v.Version = next
	} else if r.v.Version != next && r.mode != modeImport {
		return invalidSchema("Version is not one more than previous version")
	}
	context := contextOf(r.v.Subject)
	if r.v.ID < 0 {
		r.v.ID = r.state.nextID(context)
		return nil
	}
	if c := r.state.content(context, r.v.ID); c != nil && c.identity != r.v.identity() {
		return notPermitted("Overwrite new schema with id %d in context %s is not permitted.", r.v.ID, delimited(r.v.Subject))
	}
	return nil
}

// records begin with what makes room: deleted versions of the subject that had the same
// schema vanish, unless somebody refers to them.
func (r *registration) records() []Record {
	var records []Record
	if context := contextOf(r.v.Subject); context != defaultContext && !r.state.contexts[context] {
		records = append(records, contextRecord(context))
	}
	for _, old := range slices.Backward(r.state.versions(r.v.Subject, deletedOnly)) {
		if old.ID == r.v.ID && old.Version < r.v.Version && len(r.state.referrers(old.Subject, old.Version, withDeleted)) == 0 {
			records = append(records, old.tombstone())
		}
	}
	return append(records, r.v.record())
}

// lookUp finds the version of a subject that has a schema: one with the same text, or
// else one that says the same. Nothing found is no error.
func (s *state) lookUp(v version, normalize bool, f filter) (*version, error) {
	v.References = cloneReferences(v.References)
	if strings.TrimSpace(v.Schema) == "" {
		return nil, nil
	}
	if s.modeInScope(v.Subject) != modeImport {
		v.ID = -1
	}
	p, err := s.canonical(&v, normalize)
	if err != nil {
		return nil, err
	}
	if found := s.exactly(&v, f); found != nil {
		return found, nil
	}
	if found := s.equivalent(&v, p, f); found != nil {
		return found, nil
	}
	previous := s.latest(v.Subject)
	if previous == nil || v.Metadata != nil || v.RuleSet != nil || previous.Metadata == nil && previous.RuleSet == nil {
		return nil, nil
	}
	v.Metadata, v.RuleSet = previous.Metadata, previous.RuleSet
	return s.exactly(&v, f), nil
}

func (s *state) exactly(v *version, f filter) *version {
	if c := s.same(v); c != nil {
		return c.under(v.Subject, f)
	}
	return nil
}

// equivalent finds the newest version that says the same as a schema. References must be
// the same ones, unless the schema was sent with all of them resolved.
func (s *state) equivalent(v *version, p parsed, f filter) *version {
	for _, old := range slices.Backward(s.versions(v.Subject, f)) {
		if old.Type != v.Type || !old.Metadata.Equal(v.Metadata) || !old.RuleSet.Equal(v.RuleSet) {
			continue
		}
		resolved := len(v.References) == 0 && len(old.References) > 0
		if !resolved && !slices.Equal(v.References, old.References) {
			continue
		}
		other, err := s.parse(&version{Subject: old.Subject, Type: old.Type, Schema: old.Schema, References: cloneReferences(old.References)}, false)
		if err == nil && avro.Equal(p.schema, other.schema) {
			return old
		}
	}
	return nil
}
