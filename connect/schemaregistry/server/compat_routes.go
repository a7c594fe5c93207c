// SPDX-License-Identifier: Apache-2.0

package server

import (
	"errors"
	"net/http"
	"strings"
)

// compatibleWithAll answers POST /compatibility/subjects/{subject}/versions: the check
// that registering would do.
func (s *Server) compatibleWithAll(c *call) (any, error) {
	subject := normalName(c.args[0])
	return s.compatible(c, subject, func(st *state) ([]*version, error) { return st.versions(subject, liveOnly), nil })
}

// compatibleWithOne answers POST /compatibility/subjects/{subject}/versions/{version}.
// The latest version of a subject that has none is compatible with everything.
func (s *Server) compatibleWithOne(c *call) (any, error) {
	subject := normalName(c.args[0])
	number, err := versionNumber(c.args[1])
	if err != nil {
		return nil, err
	}
	return s.compatible(c, subject, func(st *state) ([]*version, error) {
		if v := st.version(subject, number, liveOnly); v != nil {
			return []*version{v}, nil
		}
		if number != latestVersion {
			return nil, noVersion(number)
		}
		return nil, nil
	})
}

func (s *Server) compatible(c *call, subject string, earlier func(*state) ([]*version, error)) (any, error) {
	v, err := c.requested(subject)
	if err != nil {
		return nil, err
	}
	messages, err := read(c.Context(), s, func(st *state) ([]string, error) {
		versions, err := earlier(st)
		if err != nil {
			return nil, err
		}
		return s.testCompatibility(st, *v, c.flag("normalize"), versions)
	})
	verbose := c.flag("verbose")
	var f *failure
	if verbose && errors.As(err, &f) && f.status == http.StatusUnprocessableEntity {
		messages, err = []string{f.message}, nil
	}
	if err != nil {
		return nil, err
	}
	answer := compatibilityEntity{Compatible: len(messages) == 0}
	if verbose {
		answer.Messages = &messages
		if messages == nil {
			answer.Messages = &[]string{}
		}
	}
	return answer, nil
}

func (s *Server) testCompatibility(st *state, v version, normalize bool, earlier []*version) ([]string, error) {
	if strings.TrimSpace(v.Schema) == "" {
		return nil, invalidSchema("Empty schema")
	}
	v.References = cloneReferences(v.References)
	config := st.configInScope(v.Subject, s.o.Compatibility)
	p, err := st.canonical(&v, normalize || config.normalizes())
	if err != nil {
		return nil, err
	}
	return st.check(config.level(), p, earlier)
}
