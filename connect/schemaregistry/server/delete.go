// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"slices"
)

// deleteVersion answers DELETE /subjects/{subject}/versions/{version} with the number of
// the version.
func (s *Server) deleteVersion(c *call) (any, error) {
	subject, permanent := normalName(c.args[0]), c.flag("permanent")
	number, err := versionNumber(c.args[1])
	if err != nil {
		return nil, err
	}
	deleted := 0
	err = s.write(c.Context(), "Delete Schema Version", func(st *state) ([]Record, error) {
		v, err := st.deletable(subject, number, permanent)
		if err != nil {
			return nil, err
		}
		deleted = v.Version
		if !permanent {
			gone := *v
			gone.Deleted = true
			return []Record{gone.record()}, nil
		}
		records := []Record{v.tombstone()}
		if len(st.subjects[subject]) == 1 {
			records = append(records, st.forgetSettings(subject)...)
		}
		return records, nil
	})
	return deleted, err
}

// deletable finds a version and checks that it may be deleted.
func (s *state) deletable(subject string, number int, permanent bool) (*version, error) {
	v := s.version(subject, number, withDeleted)
	switch {
	case v == nil && !s.has(subject, withDeleted):
		return nil, noSubject(subject)
	case v == nil:
		return nil, noVersion(number)
	case v.Deleted && !permanent:
		return nil, versionSoftDeleted(subject, number)
	case s.readOnly(subject):
		return nil, readOnlyFailure(subject)
	}
	if len(s.referrers(subject, v.Version, by(permanent))) > 0 {
		return nil, referenced(subject, v.Version)
	}
	if permanent && !v.Deleted {
		return nil, versionNotSoftDeleted(subject, v.Version)
	}
	return v, nil
}

// by tells which versions count when one is deleted: for good all of them, as a deleted
// one may come back.
func by(permanent bool) filter {
	if permanent {
		return withDeleted
	}
	return liveOnly
}

// forgetSettings deletes what is configured for a subject.
func (s *state) forgetSettings(subject string) []Record {
	var records []Record
	if _, ok := s.modes[subject]; ok {
		records = append(records, Record{recordKey{Type: keyMode, Subject: subject}.encode(), nil})
	}
	if _, ok := s.configs[subject]; ok {
		records = append(records, Record{recordKey{Type: keyConfig, Subject: subject}.encode(), nil})
	}
	return records
}

// deleteSubject answers DELETE /subjects/{subject} with the numbers of the versions.
func (s *Server) deleteSubject(c *call) (any, error) {
	subject, permanent := normalName(c.args[0]), c.flag("permanent")
	var numbers []int
	err := s.write(c.Context(), "Delete subject", func(st *state) ([]Record, error) {
		numbers = []int{}
		versions, err := st.deletableSubject(subject, permanent)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			numbers = append(numbers, v.Version)
		}
		if !permanent {
			return []Record{deleteSubjectRecord(subject, numbers[len(numbers)-1])}, nil
		}
		var records []Record
		for _, v := range slices.Backward(versions) {
			records = append(records, v.tombstone())
		}
		return append(records, st.forgetSettings(subject)...), nil
	})
	return numbers, err
}

func (s *state) deletableSubject(subject string, permanent bool) ([]*version, error) {
	switch {
	case !s.has(subject, withDeleted):
		return nil, noSubject(subject)
	case !permanent && !s.has(subject, liveOnly):
		return nil, subjectSoftDeleted(subject)
	case s.readOnly(subject):
		return nil, readOnlyFailure(subject)
	}
	versions := s.versions(subject, by(permanent))
	for _, v := range versions {
		for _, r := range s.referrers(subject, v.Version, by(permanent)) {
			if r.Subject != subject {
				return nil, referenced(subject, v.Version)
			}
		}
		if permanent && !v.Deleted {
			return nil, subjectNotSoftDeleted(subject)
		}
	}
	return versions, nil
}

// idsOf returns the ids of versions, each once, in order.
func idsOf(versions []*version) []int {
	var ids []int
	for _, v := range versions {
		ids = append(ids, v.ID)
	}
	slices.SortFunc(ids, cmp.Compare[int])
	return slices.Compact(ids)
}
