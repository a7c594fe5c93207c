// SPDX-License-Identifier: Apache-2.0

package server

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/connectd/connectd/connect/avro"
)

// maxShown is how much of a schema messages repeat.
const maxShown = 10 * 1024

// check returns why a schema is not compatible with earlier versions, which are given in
// order; nothing if it is. The messages are those of the original's verbose answers.
func (s *state) check(level string, p parsed, earlier []*version) ([]string, error) {
	if level == levelNone {
		return nil, nil
	}
	transitive := level == levelBackwardTransitive || level == levelForwardTransitive || level == levelFullTransitive
	for _, v := range slices.Backward(earlier) {
		messages, err := s.checkOne(level, p, v)
		if err != nil {
			return nil, err
		}
		if len(messages) > 0 {
			return append(messages, fmt.Sprintf("{validateFields: 'false', compatibility: '%s'}", level)), nil
		}
		if !transitive {
			break
		}
	}
	return nil, nil
}

func (s *state) checkOne(level string, p parsed, v *version) ([]string, error) {
	if v.Type != typeAvro {
		return []string{"Incompatible because of different schema type"}, nil
	}
	old, err := s.parse(&version{Subject: v.Subject, Type: v.Type, Schema: v.Schema, References: cloneReferences(v.References)}, false)
	if err != nil {
		return nil, invalidSchema("Invalid schema %s, details: %v", v, err)
	}
	var messages []string
	if level != levelBackward && level != levelBackwardTransitive {
		messages = append(messages, differences(old.schema, p.schema, "old", "new")...)
		if level != levelFull && level != levelFullTransitive {
			return shown(messages, v), nil
		}
	}
	backward := differences(p.schema, old.schema, "new", "old")
	if len(backward) == 0 {
		return messages, nil
	}
	return shown(append(messages, backward...), v), nil
}

func differences(reader, writer *avro.Schema, readerName, writerName string) []string {
	found, err := avro.CanRead(reader, writer)
	if err != nil {
		return []string{"Unexpected exception during compatibility check: " + err.Error()}
	}
	var messages []string
	for _, i := range found {
		messages = append(messages, i.Describe(readerName, writerName))
	}
	return messages
}

// shown adds to messages, if there are any, which version they speak of.
func shown(messages []string, v *version) []string {
	if len(messages) == 0 {
		return nil
	}
	messages = append(messages, fmt.Sprintf("{oldSchemaVersion: %d}", v.Version))
	if len(v.Schema) > maxShown {
		return append(messages, fmt.Sprintf("{oldSchema: <truncated> '%s...'}", v.Schema[:maxShown]))
	}
	return append(messages, fmt.Sprintf("{oldSchema: '%s'}", v.Schema))
}

func sortedReferences(refs []avro.Reference) []avro.Reference {
	sorted := slices.Clone(refs)
	slices.SortFunc(sorted, func(a, b avro.Reference) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(sorted)
}
