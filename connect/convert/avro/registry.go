// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"fmt"

	schema "github.com/connectd/connectd/connect/avro"
)

// Registry is what the converter asks of a schema registry. Errors that may pass by
// themselves are marked with connect.Retriable; all others are taken as the registry's
// answer. A Registry that has a method Close is closed with its converter. Its methods
// are safe for concurrent use.
type Registry interface {
	// Register makes a text known under a subject and returns its id; a text that is
	// known already keeps its id.
	Register(ctx context.Context, subject, text string, refs []schema.Reference, normalize bool) (id int, err error)
	// Lookup finds the id and version of a text that is registered under a subject.
	Lookup(ctx context.Context, subject, text string, refs []schema.Reference, normalize bool) (id, version int, err error)
	// ByID returns a schema by its id.
	ByID(ctx context.Context, id int) (text string, refs []schema.Reference, err error)
	// Version returns a version of a subject; -1 is the latest.
	Version(ctx context.Context, subject string, version int) (id, number int, text string, refs []schema.Reference, err error)
}

// Latest asks Registry.Version for the newest version of a subject.
const Latest = -1

// maxReferences bounds how deep schemas refer to other schemas.
const maxReferences = 32

// FetchSchema returns a version of a subject as a tree, with all that it refers to; the
// version may be Latest.
func FetchSchema(ctx context.Context, r Registry, subject string, version int) (s *schema.Schema, id, number int, err error) {
	id, number, text, refs, err := r.Version(ctx, subject, version)
	if err != nil {
		return nil, 0, 0, err
	}
	s, err = parseRegistered(ctx, r, text, refs)
	return s, id, number, err
}

// fetchID returns a schema by its id as a tree, with all that it refers to.
func fetchID(ctx context.Context, r Registry, id int) (*schema.Schema, error) {
	text, refs, err := r.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return parseRegistered(ctx, r, text, refs)
}

// parseRegistered reads a text that is registered already: defaults that do not fit
// are left alone, as the original does.
func parseRegistered(ctx context.Context, r Registry, text string, refs []schema.Reference) (*schema.Schema, error) {
	f := fetching{registry: r, done: map[schema.Reference]bool{}}
	if err := f.references(ctx, refs, 0); err != nil {
		return nil, err
	}
	return schema.Options{LaxDefaults: true}.Parse(text, f.known...)
}

// fetching collects the schemas that a text refers to, each once, those that are
// referred to before those that refer to them.
type fetching struct {
	registry Registry
	done     map[schema.Reference]bool
	known    []*schema.Schema
}

func (f *fetching) references(ctx context.Context, refs []schema.Reference, depth int) error {
	if depth > maxReferences {
		return fmt.Errorf("references are nested deeper than %d", maxReferences)
	}
	for _, ref := range refs {
		if f.done[ref] {
			continue
		}
		f.done[ref] = true
		_, _, text, below, err := f.registry.Version(ctx, ref.Subject, ref.Version)
		if err != nil {
			return fmt.Errorf("fetch reference %s (subject %s, version %d): %w", ref.Name, ref.Subject, ref.Version, err)
		}
		if err := f.references(ctx, below, depth+1); err != nil {
			return err
		}
		s, err := schema.Options{LaxDefaults: true}.Parse(text, f.known...)
		if err != nil {
			return fmt.Errorf("reference %s (subject %s, version %d): %w", ref.Name, ref.Subject, ref.Version, err)
		}
		f.known = append(f.known, s)
	}
	return nil
}
