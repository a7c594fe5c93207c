// SPDX-License-Identifier: Apache-2.0

package server

import "strings"

// maxListed and maxSchemas bound listings, as the original's defaults do.
const (
	maxListed  = 20000
	maxSchemas = 1000
)

// lookUp answers POST /subjects/{subject}.
func (s *Server) lookUp(c *call) (any, error) {
	v, err := c.requested(normalName(c.args[0]))
	if err != nil {
		return nil, err
	}
	f := c.filter()
	if f == deletedOnly {
		f = withDeleted
	}
	return read(c.Context(), s, func(st *state) (any, error) {
		normalize := c.flag("normalize") || st.configInScope(v.Subject, s.o.Compatibility).normalizes()
		found, err := st.lookUpAnywhere(*v, normalize, f)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return st.formatted(c, found).entity(), nil
		}
		if !st.has(v.Subject, f) {
			return nil, noSubject(v.Subject)
		}
		return nil, noSchema()
	})
}

// lookUpAnywhere also looks for a subject without a context in all contexts.
func (s *state) lookUpAnywhere(v version, normalize bool, f filter) (*version, error) {
	found, err := s.lookUp(v, normalize, f)
	if err != nil || found != nil || contextOf(v.Subject) != defaultContext {
		return found, err
	}
	name := v.Subject
	for _, context := range s.otherContexts() {
		v.Subject = qualify(context, name)
		// What cannot be parsed here only means that it is not here.
		if found, err := s.lookUp(v, normalize, f); err == nil && found != nil {
			return found, nil
		}
	}
	return nil, nil
}

// formatted returns a version with the text in the format that the request wants:
// "resolved" writes out what the schema refers to.
func (s *state) formatted(c *call, v *version) *version {
	if c.query.Get("format") != "resolved" || v.Type != typeAvro {
		return v
	}
	shown := *v
	shown.References = cloneReferences(v.References)
	if p, err := s.parse(&shown, false); err == nil {
		shown.Schema = p.schema.String()
	}
	return &shown
}

func (s *Server) listSubjects(c *call) (any, error) {
	prefix := anyContext
	if c.query.Has("subjectPrefix") {
		prefix = c.query.Get("subjectPrefix")
	}
	return read(c.Context(), s, func(st *state) (any, error) {
		return page(c, st.listed(prefix, c.filter()), maxListed)
	})
}

func (s *Server) listVersions(c *call) (any, error) {
	subject, f := normalName(c.args[0]), c.filter()
	negative := c.flag("deletedAsNegative")
	if negative {
		f = withDeleted
	}
	return read(c.Context(), s, func(st *state) (any, error) {
		known := f
		if f == deletedOnly {
			known = withDeleted
		}
		if !st.has(subject, known) {
			return nil, noSubject(subject)
		}
		var numbers []int
		for _, v := range st.versions(subject, f) {
			if negative && v.Deleted {
				numbers = append(numbers, -v.Version)
				continue
			}
			numbers = append(numbers, v.Version)
		}
		return page(c, numbers, maxListed)
	})
}

// versionAsked finds the version that a path names.
func (s *Server) versionAsked(c *call, f filter) (*version, error) {
	subject := normalName(c.args[0])
	number, err := versionNumber(c.args[1])
	if err != nil {
		return nil, err
	}
	return read(c.Context(), s, func(st *state) (*version, error) {
		if v := st.anywhere(subject, number, f); v != nil {
			return st.formatted(c, v), nil
		}
		if !st.has(subject, f) {
			return nil, noSubject(subject)
		}
		return nil, noVersion(number)
	})
}

// deletedToo is the filter of routes that know no deletedOnly.
func (c *call) deletedToo() filter {
	if c.flag("deleted") {
		return withDeleted
	}
	return liveOnly
}

func (s *Server) getVersion(c *call) (any, error) {
	v, err := s.versionAsked(c, c.deletedToo())
	if err != nil {
		return nil, err
	}
	return v.entity(), nil
}

func (s *Server) getVersionText(c *call) (any, error) {
	v, err := s.versionAsked(c, c.deletedToo())
	if err != nil {
		return nil, err
	}
	return rawText(v.Schema), nil
}

func (s *Server) referencedBy(c *call) (any, error) {
	v, err := s.versionAsked(c, withDeleted)
	if err != nil {
		return nil, err
	}
	return read(c.Context(), s, func(st *state) (any, error) {
		return page(c, idsOf(st.referrers(v.Subject, v.Version, c.deletedToo())), maxListed)
	})
}

func (s *Server) listSchemas(c *call) (any, error) {
	prefix, f, latest := c.query.Get("subjectPrefix"), c.deletedToo(), c.flag("latestOnly")
	return read(c.Context(), s, func(st *state) (any, error) {
		var list []versionEntity
		for _, subject := range st.listed(prefix, f) {
			versions := st.versions(subject, f)
			if latest {
				versions = versions[len(versions)-1:]
			}
			for _, v := range versions {
				list = append(list, v.entity())
			}
		}
		return page(c, list, maxSchemas)
	})
}

func (s *Server) types(*call) (any, error) { return []string{typeAvro}, nil }

// idAsked finds what the id of a path stands for.
func idAsked[T any](s *Server, c *call, missing func(int) error, answer func(*state, *content) (T, error)) (T, error) {
	var none T
	id, err := idNumber(c.args[0])
	if err != nil {
		return none, err
	}
	return read(c.Context(), s, func(st *state) (T, error) {
		found := st.byID(id, c.query.Get("subject"))
		if found == nil {
			return none, missing(id)
		}
		return answer(st, found)
	})
}

func missingUnnamed(int) error { return noSchema() }

func (s *Server) getID(c *call) (any, error) {
	return idAsked(s, c, noID, func(st *state, found *content) (any, error) {
		v := st.formatted(c, found.places(withDeleted)[0])
		answer := v.schemaEntity()
		if c.flag("fetchMaxId") {
			answer.MaxID = st.nextID(contextOf(v.Subject)) - 1
		}
		return answer, nil
	})
}

func (s *Server) getIDText(c *call) (any, error) {
	return idAsked(s, c, noID, func(st *state, found *content) (any, error) {
		return rawText(st.formatted(c, found.places(withDeleted)[0]).Schema), nil
	})
}

func (s *Server) subjectsOfID(c *call) (any, error) {
	return idAsked(s, c, missingUnnamed, func(_ *state, found *content) (any, error) {
		var names []string
		for _, v := range found.places(c.deletedToo()) {
			if len(names) == 0 || names[len(names)-1] != v.Subject {
				names = append(names, v.Subject)
			}
		}
		return page(c, names, maxListed)
	})
}

func (s *Server) versionsOfID(c *call) (any, error) {
	return idAsked(s, c, missingUnnamed, func(_ *state, found *content) (any, error) {
		var list []subjectVersionEntity
		for _, v := range found.places(c.deletedToo()) {
			list = append(list, subjectVersionEntity{v.Subject, v.Version})
		}
		return page(c, list, maxListed)
	})
}

func (s *Server) listContexts(c *call) (any, error) {
	prefix := c.query.Get("contextPrefix")
	return read(c.Context(), s, func(st *state) (any, error) {
		var names []string
		for _, name := range append([]string{defaultContext}, st.otherContexts()...) {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		return page(c, names, maxListed)
	})
}
