// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Open restores the state of a task: from the local copies as far as they can be
// trusted, and from the changelogs. It returns a RefusedError if a changelog cannot
// be the state that belongs to the connector's offsets. It is called after the
// task's transactional id has been initialised.
func Open(ctx context.Context, o Options) (*Tables, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &Tables{hasher: newHasher(), o: o}
	if o.Kind == Disk {
		t.cache = newDiskCache(o.CacheBytes)
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("make the directory of the state: %w", err)
		}
	}
	for i := range o.Steps {
		for _, p := range o.Partitions {
			table, err := t.open(ctx, i, p)
			if err != nil {
				return nil, errors.Join(err, t.release())
			}
			t.tables = append(t.tables, table)
		}
	}
	return t, nil
}

// release closes the stores.
func (t *Tables) release() error {
	var errs []error
	for _, table := range t.tables {
		errs = append(errs, table.close())
	}
	if t.cache != nil {
		t.cache.Unref()
		t.cache = nil
	}
	return errors.Join(errs...)
}

func (t *Tables) open(ctx context.Context, step int, partition int32) (*Table, error) {
	spec := t.o.Steps[step]
	table := &Table{
		tables: t, step: step, partition: partition, ordered: spec.Spec.Ordered,
		topic:   TopicName(t.o.Group, t.o.Connector, spec.stateName()),
		filling: newOverlay(spec.Spec.Ordered),
	}
	r := restore{Table: table, step: spec, log: t.o.Changelog}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if m, ok := table.store.(*memoryStore); ok {
		m.begun = t.now()
	}
	table.settle()
	return table, nil
}

// owner is who must have written the changelog of a step.
func (o Options) owner(step int) owner {
	s := o.Steps[step]
	return owner{Format: format, Group: o.Group, Connector: o.Connector, Step: s.stateName(), Version: s.Spec.Version}
}
