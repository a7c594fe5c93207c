// SPDX-License-Identifier: Apache-2.0

package server

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// state is what replaying the log gives. It has no lock of its own.
type state struct {
	subjects map[string]map[int]*version
	spaces   map[string]*space // by context
	configs  map[string]settings
	modes    map[string]string
	contexts map[string]bool // known by their records, without the default one
}

// space holds the ids of one context.
type space struct {
	byID   map[int]*content
	byText map[string]*content
	maxID  int
}

// content is what one id stands for, and where it is registered, soft-deleted versions
// included.
type content struct {
	id       int
	identity string
	versions map[subjectVersion]*version
}

type subjectVersion struct {
	subject string
	version int
}

// settings are a configuration as the original stores it, in its order, without the
// subject.
type settings []avro.Member

func newState() *state {
	return &state{
		subjects: map[string]map[int]*version{}, spaces: map[string]*space{},
		configs: map[string]settings{}, modes: map[string]string{}, contexts: map[string]bool{},
	}
}

// identity is what makes two schemas the same one: they get the same id.
func (v *version) identity() string {
	var b strings.Builder
	b.WriteString(v.Type)
	b.WriteByte(0)
	b.Write(referencesJSON(v.References).Append(nil))
	for _, extra := range []*avro.JSON{v.Metadata, v.RuleSet} {
		b.WriteByte(0)
		if extra != nil {
			b.Write(extra.Append(nil))
		}
	}
	b.WriteByte(0)
	b.WriteString(v.Schema)
	sum := sha256.Sum256([]byte(b.String()))
	return string(sum[:])
}

func (s *state) space(context string) *space {
	sp := s.spaces[context]
	if sp == nil {
		sp = &space{byID: map[int]*content{}, byText: map[string]*content{}}
		s.spaces[context] = sp
	}
	return sp
}

// apply takes one record of the log in. An error says why it has no effect; the state is
// the same as before then.
func (s *state) apply(r Record) error {
	k, err := decodeKey(r.Key)
	if err != nil {
		return err
	}
	switch k.Type {
	case keySchema:
		return s.applySchema(k, r.Value)
	case keyConfig, keyMode:
		return s.applySetting(k, r.Value)
	case keyDeleteSubject:
		return s.applyDeleteSubject(k, r.Value)
	case keyContext:
		if r.Value == nil {
			delete(s.contexts, k.Context)
			return nil
		}
		s.contexts[k.Context] = true
	}
	// NOOP only moves the log; CLEAR_SUBJECT follows on the tombstones of all versions.
	return nil
}

func (s *state) applySchema(k recordKey, value []byte) error {
	old := s.subjects[k.Subject][k.Version]
	if value == nil {
		if old != nil {
			s.remove(old)
		}
		return nil
	}
	v, err := decodeVersion(k, value)
	if err != nil {
		return err
	}
	sp := s.space(contextOf(k.Subject))
	if c := sp.byID[v.ID]; c != nil && c.schema() != v.Schema {
		return fmt.Errorf("version %d of %s has id %d, which another schema has", v.Version, v.Subject, v.ID)
	}
	if old != nil {
		s.remove(old)
	}
	s.add(sp, v)
	return nil
}

func (c *content) schema() string {
	for _, v := range c.versions {
		return v.Schema
	}
	return ""
}

func (s *state) add(sp *space, v *version) {
	if s.subjects[v.Subject] == nil {
		s.subjects[v.Subject] = map[int]*version{}
	}
	s.subjects[v.Subject][v.Version] = v
	c := sp.byID[v.ID]
	if c == nil {
		c = &content{id: v.ID, identity: v.identity(), versions: map[subjectVersion]*version{}}
		sp.byID[v.ID] = c
		sp.byText[c.identity] = c
	}
	c.versions[subjectVersion{v.Subject, v.Version}] = v
	sp.maxID = max(sp.maxID, v.ID)
}

func (s *state) remove(v *version) {
	delete(s.subjects[v.Subject], v.Version)
	if len(s.subjects[v.Subject]) == 0 {
		delete(s.subjects, v.Subject)
	}
	sp := s.space(contextOf(v.Subject))
	c := sp.byID[v.ID]
	delete(c.versions, subjectVersion{v.Subject, v.Version})
	if len(c.versions) > 0 {
		return
	}
	delete(sp.byID, v.ID)
	if sp.byText[c.identity] == c {
		delete(sp.byText, c.identity)
	}
}

func (s *state) applySetting(k recordKey, value []byte) error {
	if value == nil {
		if k.Type == keyConfig {
			delete(s.configs, k.Subject)
		} else {
			delete(s.modes, k.Subject)
		}
		return nil
	}
	v, err := avro.ParseJSON(value)
	if err != nil {
		return err
	}
	if k.Type == keyConfig {
		s.configs[k.Subject] = settingsOf(v)
		return nil
	}
	mode := textOf(v.Get("mode"))
	if !slices.Contains(modes, mode) {
		return fmt.Errorf("the mode of %q is %q, which is none", k.Subject, mode)
	}
	s.modes[k.Subject] = mode
	return nil
}

func (s *state) applyDeleteSubject(k recordKey, value []byte) error {
	if value == nil {
		return nil
	}
	v, err := avro.ParseJSON(value)
	if err != nil {
		return err
	}
	last := intOf(v.Get("version"), 0)
	sp := s.space(contextOf(k.Subject))
	for number, old := range s.subjects[k.Subject] {
		if number <= last && !old.Deleted {
			deleted := *old
			deleted.Deleted = true
			s.add(sp, &deleted)
		}
	}
	return nil
}
