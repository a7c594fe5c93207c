// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"maps"
	"slices"
)

// filter says which versions count, deleted ones being soft-deleted.
type filter int

const (
	liveOnly filter = iota
	withDeleted
	deletedOnly
)

func (f filter) takes(v *version) bool {
	return f == withDeleted || v.Deleted == (f == deletedOnly)
}

// versions returns the versions of a subject in order.
func (s *state) versions(subject string, f filter) []*version {
	var list []*version
	for _, v := range s.subjects[subject] {
		if f.takes(v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b *version) int { return cmp.Compare(a.Version, b.Version) })
	return list
}

func (s *state) has(subject string, f filter) bool {
	for _, v := range s.subjects[subject] {
		if f.takes(v) {
			return true
		}
	}
	return false
}

// hasWithin is has for all subjects that a scope covers.
func (s *state) hasWithin(scope string, f filter) bool {
	for subject := range s.subjects {
		if covers(scope, subject) && s.has(subject, f) {
			return true
		}
	}
	return false
}

// listed returns the subjects under a prefix in order. A subject counts as deleted when
// all its versions are.
func (s *state) listed(prefix string, f filter) []string {
	names := []string{}
	for subject := range s.subjects {
		if !hasPrefix(subject, prefix) || f == deletedOnly && s.has(subject, liveOnly) {
			continue
		}
		if s.has(subject, f) {
			names = append(names, subject)
		}
	}
	slices.Sort(names)
	return names
}

// latest is the newest version that is not deleted; nil if there is none.
func (s *state) latest(subject string) *version {
	var newest *version
	for _, v := range s.subjects[subject] {
		if !v.Deleted && (newest == nil || v.Version > newest.Version) {
			newest = v
		}
	}
	return newest
}

const latestVersion = -1

// version returns a version; the latest one is never a deleted one.
func (s *state) version(subject string, number int, f filter) *version {
	if number == latestVersion {
		return s.latest(subject)
	}
	if v := s.subjects[subject][number]; v != nil && f.takes(v) {
		return v
	}
	return nil
}

// anywhere looks a version up in the default context and, if it is not there, in the
// others, as the original does for names without a context.
func (s *state) anywhere(subject string, number int, f filter) *version {
	if v := s.version(subject, number, f); v != nil || contextOf(subject) != defaultContext {
		return v
	}
	for _, context := range s.otherContexts() {
		if v := s.version(qualify(context, subject), number, f); v != nil {
			return v
		}
	}
	return nil
}

func (s *state) otherContexts() []string { return slices.Sorted(maps.Keys(s.contexts)) }

// byID finds what an id stands for in the context of a subject, or in any if the subject
// has none.
func (s *state) byID(id int, subject string) *content {
	context := contextOf(subject)
	if c := s.content(context, id); c != nil || context != defaultContext {
		return c
	}
	for _, other := range s.otherContexts() {
		if c := s.content(other, id); c != nil {
			return c
		}
	}
	return nil
}

func (s *state) content(context string, id int) *content {
	if sp := s.spaces[context]; sp != nil {
		return sp.byID[id]
	}
	return nil
}

// same finds the schema that has the identity of v in its context.
func (s *state) same(v *version) *content {
	if sp := s.spaces[contextOf(v.Subject)]; sp != nil {
		return sp.byText[v.identity()]
	}
	return nil
}

// nextID is the first id of a context that was never given away, as far as the log
// tells.
func (s *state) nextID(context string) int {
	if sp := s.spaces[context]; sp != nil {
		return sp.maxID + 1
	}
	return 1
}

// places returns where a schema is registered, in order.
func (c *content) places(f filter) []*version {
	var list []*version
	for _, v := range c.versions {
		if f.takes(v) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b *version) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	return list
}

// under returns the newest version under which a subject has the schema.
func (c *content) under(subject string, f filter) *version {
	var newest *version
	for _, v := range c.versions {
		if v.Subject == subject && f.takes(v) && (newest == nil || v.Version > newest.Version) {
			newest = v
		}
	}
	return newest
}

// referrers returns the versions that refer to a version.
func (s *state) referrers(subject string, number int, f filter) []*version {
	var list []*version
	for name, versions := range s.subjects {
		for _, v := range versions {
			if f.takes(v) && refersTo(v, name, subject, number) {
				list = append(list, v)
			}
		}
	}
	return list
}

func refersTo(v *version, from, subject string, number int) bool {
	for _, r := range v.References {
		if r.Version == number && within(contextOf(from), r.Subject) == subject {
			return true
		}
	}
	return false
}
