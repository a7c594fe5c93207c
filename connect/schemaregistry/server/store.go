// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"sync"
)

// Store is the registry's log.
type Store interface {
	// Open calls apply with every record of the log, in order, and returns at the end of
	// it; after that apply is called with each record that is appended, by whomever, until
	// Close. apply is called from one goroutine at a time. Open is called once, first.
	Open(ctx context.Context, apply func(Record)) error
	// Write calls decide when everything in the log has been applied and nobody else can
	// append, appends what it returns, all or nothing, and returns when that has been
	// applied. If another writer comes between after all, decide is called again. An error
	// of decide is returned as it is, and nothing is appended.
	Write(ctx context.Context, decide func() ([]Record, error)) error
	// Sync returns when everything that was in the log at the call has been applied.
	Sync(ctx context.Context) error
	// Close ends the calls of apply. It is idempotent.
	Close() error
}

// MemoryStore is a Store that begins empty and ends with the process.
type MemoryStore struct {
	mu      sync.Mutex
	apply   func(Record)
	records []Record
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore makes a store that has these records already.
func NewMemoryStore(records ...Record) *MemoryStore { return &MemoryStore{records: records} }

// Open implements Store.
func (m *MemoryStore) Open(_ context.Context, apply func(Record)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.apply = apply
	for _, r := range m.records {
		apply(r)
	}
	return nil
}

// Write implements Store; one writer decides at a time.
func (m *MemoryStore) Write(_ context.Context, decide func() ([]Record, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	records, err := decide()
	if err != nil {
		return err
	}
	for _, r := range records {
		m.records = append(m.records, r)
		m.apply(r)
	}
	return nil
}

// Sync implements Store; there is nothing to wait for.
func (m *MemoryStore) Sync(context.Context) error { return nil }

// Close implements Store.
func (m *MemoryStore) Close() error { return nil }

// Records returns what the log holds.
func (m *MemoryStore) Records() []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Record(nil), m.records...)
}
