// SPDX-License-Identifier: Apache-2.0

package server

import (
	"math"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

type referenceEntity struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type versionEntity struct {
	Subject    string            `json:"subject"`
	Version    int               `json:"version"`
	ID         int               `json:"id"`
	Type       string            `json:"schemaType,omitempty"`
	References []referenceEntity `json:"references,omitempty"`
	Metadata   *rawJSON          `json:"metadata,omitempty"`
	RuleSet    *rawJSON          `json:"ruleSet,omitempty"`
	Schema     string            `json:"schema"`
}

type schemaEntity struct {
	Type       string            `json:"schemaType,omitempty"`
	Schema     string            `json:"schema"`
	References []referenceEntity `json:"references,omitempty"`
	Metadata   *rawJSON          `json:"metadata,omitempty"`
	RuleSet    *rawJSON          `json:"ruleSet,omitempty"`
	MaxID      int               `json:"maxId,omitempty"`
}

type subjectVersionEntity struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

type idEntity struct {
	ID int `json:"id"`
}

type compatibilityEntity struct {
	Compatible bool      `json:"is_compatible"`
	Messages   *[]string `json:"messages,omitempty"`
}

// rawJSON is metadata as it was given.
type rawJSON struct{ value *avro.JSON }

func (r *rawJSON) MarshalJSON() ([]byte, error) { return r.value.Append(nil), nil }

func rawOf(v *avro.JSON) *rawJSON {
	if v == nil {
		return nil
	}
	return &rawJSON{v}
}

// shownType leaves Avro out, as the original does.
func (v *version) shownType() string {
	if v.Type == typeAvro {
		return ""
	}
	return v.Type
}

func (v *version) shownReferences() []referenceEntity {
	var refs []referenceEntity
	for _, r := range v.References {
		refs = append(refs, referenceEntity(r))
	}
	return refs
}

func (v *version) entity() versionEntity {
	return versionEntity{v.Subject, v.Version, v.ID, v.shownType(), v.shownReferences(), rawOf(v.Metadata), rawOf(v.RuleSet), v.Schema}
}

func (v *version) schemaEntity() schemaEntity {
	return schemaEntity{v.shownType(), v.Schema, v.shownReferences(), rawOf(v.Metadata), rawOf(v.RuleSet), 0}
}

// requested is the schema that a request brings: ID is -1 and Version 0 if it does not
// say, Version -1 stands for the next one.
func (c *call) requested(subject string) (*version, error) {
	body, err := c.body()
	if err != nil {
		return nil, err
	}
	v := &version{
		Subject: subject, Version: intOf(body.Get("version"), 0), ID: intOf(body.Get("id"), -1), Type: textOf(body.Get("schemaType")),
		Metadata: presentOf(body.Get("metadata")), RuleSet: presentOf(body.Get("ruleSet")), Schema: textOf(body.Get("schema")),
	}
	if s := presentOf(body.Get("schema")); s != nil && s.Kind != avro.JSONString {
		return nil, fail(400, "The schema is a text, not an object: quote it")
	}
	if v.Type == "" {
		v.Type = typeAvro
	}
	if v.ID < 0 {
		v.ID = -1
	}
	if v.References, err = referencesOf(body.Get("references")); err != nil {
		return nil, invalidSchema("Invalid schema %s with refs %s of type %s, details: %v", v, body.Get("references"), v.Type, err)
	}
	return v, nil
}

// versionNumber reads a version of a path: "latest" and -1 are the latest one.
func versionNumber(text string) (int, error) {
	trimmed := strings.TrimSpace(text)
	if strings.EqualFold(trimmed, "latest") {
		return latestVersion, nil
	}
	n, err := strconv.ParseInt(trimmed, 10, 32)
	if err != nil || n < 1 && n != latestVersion {
		return 0, invalidVersion(text)
	}
	return int(n), nil
}

// idNumber reads an id of a path; what is no number has no route.
func idNumber(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxInt32 {
		return 0, plain(404)
	}
	return int(n), nil
}
