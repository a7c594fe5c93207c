// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// memoryRegistry is a Registry that counts its questions. Texts are compared as they
// are.
type memoryRegistry struct {
	mu       sync.Mutex
	schemas  []registered // the id is the place, from 1
	subjects map[string][]int
	calls    map[string]int
	err      error // what every question is answered with, if set
	backward bool  // refuse what cannot read the latest version
	closed   int
}

type registered struct {
	text string
	refs []schema.Reference
}

var errNotFound = errors.New("no such schema (40403)")

func newMemoryRegistry() *memoryRegistry {
	return &memoryRegistry{subjects: map[string][]int{}, calls: map[string]int{}}
}

func (m *memoryRegistry) called(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls[name]++
	return m.err
}

// add registers a text without counting it.
func (m *memoryRegistry) add(subject, text string, refs ...schema.Reference) int {
	id := 0
	for i, s := range m.schemas {
		if s.text == text {
			id = i + 1
		}
	}
	if id == 0 {
		m.schemas = append(m.schemas, registered{text, refs})
		id = len(m.schemas)
	}
	for _, known := range m.subjects[subject] {
		if known == id {
			return id
		}
	}
	m.subjects[subject] = append(m.subjects[subject], id)
	return id
}

func (m *memoryRegistry) Register(_ context.Context, subject, text string, refs []schema.Reference, _ bool) (int, error) {
	if err := m.called("register"); err != nil {
		return 0, err
	}
	if versions := m.subjects[subject]; m.backward && len(versions) > 0 {
		latest, _ := schema.Parse(m.schemas[versions[len(versions)-1]-1].text)
		own, _ := schema.Parse(text)
		if found, _ := schema.CanRead(own, latest); len(found) > 0 {
			return 0, fmt.Errorf("status 409: Schema being registered is incompatible with an earlier schema for subject %q", subject)
		}
	}
	return m.add(subject, text, refs...), nil
}

func (m *memoryRegistry) Lookup(_ context.Context, subject, text string, _ []schema.Reference, _ bool) (int, int, error) {
	if err := m.called("lookup"); err != nil {
		return 0, 0, err
	}
	for i, id := range m.subjects[subject] {
		if m.schemas[id-1].text == text {
			return id, i + 1, nil
		}
	}
	return 0, 0, errNotFound
}

func (m *memoryRegistry) ByID(_ context.Context, id int) (string, []schema.Reference, error) {
	if err := m.called("byID"); err != nil {
		return "", nil, err
	}
	if id < 1 || id > len(m.schemas) {
		return "", nil, errNotFound
	}
	return m.schemas[id-1].text, m.schemas[id-1].refs, nil
}

func (m *memoryRegistry) Version(_ context.Context, subject string, version int) (int, int, string, []schema.Reference, error) {
	if err := m.called("version"); err != nil {
		return 0, 0, "", nil, err
	}
	versions := m.subjects[subject]
	if version == Latest {
		version = len(versions)
	}
	if version < 1 || version > len(versions) {
		return 0, 0, "", nil, errNotFound
	}
	id := versions[version-1]
	return id, version, m.schemas[id-1].text, m.schemas[id-1].refs, nil
}

func (m *memoryRegistry) Close() error {
	m.closed++
	return nil
}

// converterOf makes a converter of properties over a registry.
func converterOf(r Registry, key bool, props map[string]string) (*Converter, error) {
	p := Plugin(PluginOptions{DefaultURL: "http://registry", Open: func(map[string]string) (Registry, error) { return r, nil }})
	c, errs := p.Config.Parse(props)
	if len(errs) > 0 {
		return nil, errs
	}
	made, err := p.New(connect.ConverterContext{Key: key, Config: c})
	if err != nil {
		return nil, err
	}
	return made.(*Converter), nil
}
