// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	schema "github.com/connectd/connectd/connect/avro"
)

// readerSchema is the value of reader.schema: where the schema comes from as which
// records are read. The zero value reads them as they were written.
type readerSchema struct {
	fixed   *schema.Schema // of a file or a text
	subject string         // "" with latest for the record's own
	version int
	latest  bool // the version that is the latest now
}

// parseReaderSchema reads file:<path>, a path that ends in .avsc, subject:<name>,
// subject:<name>:<version>, latest, or a schema text.
func parseReaderSchema(value string) (readerSchema, error) {
	value = strings.TrimSpace(value)
	path, isFile := strings.CutPrefix(value, "file:")
	subject, isSubject := strings.CutPrefix(value, "subject:")
	switch {
	case value == "":
		return readerSchema{}, nil
	case value == "latest":
		return readerSchema{latest: true}, nil
	case isSubject:
		return parseReaderSubject(subject)
	case isFile || strings.HasSuffix(value, ".avsc"):
		text, err := os.ReadFile(path)
		if err != nil {
			return readerSchema{}, fmt.Errorf("the file cannot be read: %w", err)
		}
		s, err := schema.Parse(string(text))
		return readerSchema{fixed: s}, err
	case strings.ContainsAny(value[:1], `{["`):
		s, err := schema.Parse(value)
		return readerSchema{fixed: s}, err
	}
	return readerSchema{}, fmt.Errorf("must be file:<path>, subject:<name>, subject:<name>:<version>, latest, or the text of an Avro schema")
}

// parseReaderSubject takes the version off; the name of a subject may have colons too.
func parseReaderSubject(text string) (readerSchema, error) {
	name, last := text, ""
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		name, last = text[:i], text[i+1:]
	}
	if n, err := strconv.Atoi(last); err == nil && name != "" {
		if n < 1 {
			return readerSchema{}, fmt.Errorf("versions count from 1, or are latest; not %d", n)
		}
		return readerSchema{subject: name, version: n}, nil
	}
	if last != "latest" {
		name = text
	}
	if name == "" {
		return readerSchema{}, fmt.Errorf("the subject has no name")
	}
	return readerSchema{subject: name, version: Latest, latest: true}, nil
}

// fetch returns the reader's schema and its version in its subject, 0 if it has none;
// nil for records that are read as they were written. own is the record's own subject.
func (s *readerSchema) fetch(ctx context.Context, r Registry, own string) (*schema.Schema, int, error) {
	if s.fixed != nil {
		return s.fixed, 0, nil
	}
	subject, version := s.subject, s.version
	switch {
	case subject == "" && !s.latest:
		return nil, 0, nil
	case subject == "":
		subject, version = own, Latest
	}
	a, _, number, err := FetchSchema(ctx, r, subject, version)
	if err != nil {
		return nil, 0, fmt.Errorf("fetch reader schema of subject %s: %w", subject, err)
	}
	return a, number, nil
}
