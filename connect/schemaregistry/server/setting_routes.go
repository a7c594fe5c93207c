// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// scope is the subject or context that a path of settings names; "" is everything.
func (c *call) scope() string {
	if len(c.args) == 0 {
		return ""
	}
	return normalName(c.args[0])
}

func (s *Server) getConfig(c *call) (any, error) {
	scope := c.scope()
	return read(c.Context(), s, func(st *state) (any, error) {
		if c.flag("defaultToGlobal") {
			return st.configInScope(scope, s.o.Compatibility).answer(levelSetting), nil
		}
		config, ok := st.config(scope, s.o.Compatibility)
		if !ok {
			return nil, noSubjectConfig(scope)
		}
		return config.answer(levelSetting), nil
	})
}

// putConfig changes the settings that the request names, and answers with it.
func (s *Server) putConfig(c *call) (any, error) {
	scope := c.scope()
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	update, err := updateSettings(body)
	if err != nil {
		return nil, err
	}
	if !validSubject(scope) {
		return nil, invalidSubject(scope)
	}
	err = s.write(c.Context(), "Update config", func(st *state) ([]Record, error) {
		if st.readOnly(scope) {
			return nil, readOnlyFailure(scope)
		}
		return []Record{settingRecord(keyConfig, scope, update.over(st.configs[scope])...)}, nil
	})
	return update.answer("compatibility"), err
}

// deleteConfig returns to the settings above, and answers with what was deleted.
func (s *Server) deleteConfig(c *call) (any, error) {
	scope := c.scope()
	var deleted settings
	err := s.write(c.Context(), "Delete config", func(st *state) ([]Record, error) {
		var ok bool
		if deleted, ok = st.config(scope, s.o.Compatibility); !ok {
			return nil, noSubject(scope)
		}
		if st.readOnly(scope) {
			return nil, readOnlyFailure(scope)
		}
		return []Record{{recordKey{Type: keyConfig, Subject: scope}.encode(), nil}}, nil
	})
	return deleted.answer(levelSetting), err
}

type modeEntity struct {
	Mode string `json:"mode"`
}

func (s *Server) getMode(c *call) (any, error) {
	scope := c.scope()
	return read(c.Context(), s, func(st *state) (any, error) {
		if c.flag("defaultToGlobal") {
			return modeEntity{st.modeInScope(scope)}, nil
		}
		mode, ok := st.modeOf(scope)
		if !ok {
			return nil, noSubjectMode(scope)
		}
		return modeEntity{mode}, nil
	})
}

func (s *Server) putMode(c *call) (any, error) {
	scope, force := c.scope(), c.flag("force")
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	asked := textOf(body.Get("mode"))
	mode := strings.ToUpper(asked)
	if !slices.Contains(modes, mode) {
		return nil, invalidMode()
	}
	if !validSubject(scope) {
		return nil, invalidSubject(scope)
	}
	err = s.write(c.Context(), "Update mode", func(st *state) ([]Record, error) {
		var records []Record
		if mode == modeImport && st.modeInScope(scope) != modeImport && !force {
			var err error
			if records, err = st.clear(scope); err != nil {
				return nil, err
			}
		}
		return append(records, settingRecord(keyMode, scope, member("mode", avro.StringJSON(mode)))), nil
	})
	return modeEntity{asked}, err
}

// clear removes soft-deleted versions for good, so that an import can give their ids
// away. Versions that are not deleted forbid it.
func (s *state) clear(scope string) ([]Record, error) {
	if s.hasWithin(scope, liveOnly) {
		return nil, notPermitted("Cannot import since found existing subjects")
	}
	var records []Record
	for _, subject := range s.listed("", withDeleted) {
		if !covers(scope, subject) {
			continue
		}
		for _, v := range s.versions(subject, withDeleted) {
			if len(s.referrers(subject, v.Version, withDeleted)) > 0 {
				return nil, referenced(subject, v.Version)
			}
			records = append(records, v.tombstone())
		}
	}
	return append(records, settingRecord(keyClearSubject, scope)), nil
}

func (s *Server) deleteMode(c *call) (any, error) {
	scope := c.scope()
	deleted := ""
	err := s.write(c.Context(), "Delete mode", func(st *state) ([]Record, error) {
		var ok bool
		if deleted, ok = st.modeOf(scope); !ok {
			return nil, noSubject(scope)
		}
		return []Record{{recordKey{Type: keyMode, Subject: scope}.encode(), nil}}, nil
	})
	return modeEntity{deleted}, err
}

// root answers "/", which tells that the registry is there.
func (s *Server) root(*call) (any, error) { return struct{}{}, nil }

// apiVersion is the version of the original whose behaviour this is.
const apiVersion = "7.9.0"

func (s *Server) serverVersion(*call) (any, error) {
	return struct {
		Version  string `json:"version"`
		CommitID string `json:"commitId"`
	}{apiVersion, "connectd"}, nil
}

type clusterScope struct {
	Path     []string `json:"path"`
	Clusters struct {
		Kafka    string `json:"kafka-cluster"`
		Registry string `json:"schema-registry-cluster"`
	} `json:"clusters"`
}

func (s *Server) clusterID(*call) (any, error) {
	scope := clusterScope{Path: []string{}}
	scope.Clusters.Kafka, scope.Clusters.Registry = s.o.ClusterID, s.o.GroupID
	return struct {
		Scope clusterScope `json:"scope"`
		ID    string       `json:"id"`
	}{scope, ""}, nil
}
