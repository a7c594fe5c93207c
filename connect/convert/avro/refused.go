// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

// refused says why the registry did not take a schema: the fields in which it departs
// from the latest version, the rule of the subject, a way out, and the registry's own
// words.
func (c *Converter) refused(ctx context.Context, subject string, own *schema.Schema, cause error) error {
	err := javaErrorf("Error registering Avro schema under subject %s: %w", subject, cause)
	if connect.IsRetriable(cause) {
		return err
	}
	latest, _, number, fetchErr := FetchSchema(ctx, c.registry, subject, Latest)
	if fetchErr != nil {
		return err
	}
	for _, pair := range [...]struct {
		reader, writer *schema.Schema
		text           string
	}{
		{own, latest, "the new schema cannot read version %d"},
		{latest, own, "version %d cannot read the new schema"},
	} {
		found, canErr := schema.CanRead(pair.reader, pair.writer)
		if canErr != nil || len(found) == 0 {
			continue
		}
		d := departures{known: map[[2]*schema.Schema]bool{}}
		d.compare("", pair.reader, pair.writer)
		path := fieldAt(pair.reader, found[0].Path)
		if len(d.found) > 0 {
			path = d.found[0].path
		}
		return &bodyError{offset: -1, path: path, cause: err, text: fmt.Sprintf("Error registering Avro schema under subject %s: %s"+pair.text+": %s. %s The registry says: %s",
			subject, d.text(own), number, describe(found), wayOut(subject, cause), cause)}
	}
	return err
}

// level finds the rule of a subject in the words of the registry.
var level = regexp.MustCompile(`compatibility: '(\w+)'`)

// wayOut is what can be done about a schema that is not compatible.
func wayOut(subject string, cause error) string {
	rule := "the compatibility of the subject"
	if m := level.FindStringSubmatch(cause.Error()); m != nil {
		rule = "the compatibility " + m[1] + " of the subject"
	}
	return "This breaks " + rule + ". Undo the change at the source; or, if all readers can take it, let the registry accept it (PUT /config/" + subject +
		` {"compatibility": "NONE"}) and restart the task, which goes on at this record; or send the records to a new topic, which has a subject of its own (a transform such as RegexRouter).`
}

// tableOf names the table that a change event is about; "" for other values.
func tableOf(v connect.Value) string {
	if v.Kind() != connect.KindStruct {
		return ""
	}
	source, _ := v.Get("source")
	if source.Kind() != connect.KindStruct {
		return ""
	}
	space, _ := source.Get("schema")
	table, _ := source.Get("table")
	if table.Kind() != connect.KindString || table.Str() == "" {
		return ""
	}
	if space.Kind() != connect.KindString || space.Str() == "" {
		return " (table " + table.Str() + ")"
	}
	return " (table " + space.Str() + "." + table.Str() + ")"
}

// departure is a field in which a reader's schema departs from the writer's.
type departure struct{ path, why string }

// departures looks for the fields that are the reason: the rules of compatibility say no
// more than which branch of a union cannot be read.
type departures struct {
	found []departure
	known map[[2]*schema.Schema]bool
}

func (d *departures) compare(path string, reader, writer *schema.Schema) {
	pair := [2]*schema.Schema{reader, writer}
	if d.known[pair] {
		return
	}
	d.known[pair] = true
	r, w := single(reader), single(writer)
	switch {
	case r != reader || w != writer:
		if len(reader.Union) < len(writer.Union) || r.Type == schema.Union || w.Type == schema.Union {
			d.leaf(path, reader, writer)
			return
		}
		d.compare(path, r, w)
	case r.Type == schema.Record && w.Type == schema.Record && r.Name == w.Name:
		d.fields(path, r, w)
	case (r.Type == schema.Array || r.Type == schema.Map) && r.Type == w.Type:
		d.compare(path, r.Elem, w.Elem)
	default:
		d.leaf(path, reader, writer)
	}
}

func (d *departures) fields(path string, reader, writer *schema.Schema) {
	for i := range reader.Fields {
		f := &reader.Fields[i]
		at := strings.TrimPrefix(path+"."+f.Name, ".")
		var source *schema.Field
		for j := range writer.Fields {
			if writer.Fields[j].Name == f.Name {
				source = &writer.Fields[j]
			}
		}
		switch {
		case source != nil:
			d.compare(at, f.Schema, source.Schema)
		case f.Default == nil:
			d.found = append(d.found, departure{at, "has no default and is missing in what was written before"})
		}
	}
}

func (d *departures) leaf(path string, reader, writer *schema.Schema) {
	if found, err := schema.CanRead(reader, writer); err == nil && len(found) > 0 {
		d.found = append(d.found, departure{path, "of type " + typeText(reader) + " cannot be read from " + typeText(writer)})
	}
}

// single is the only branch of a union besides null; other schemas are themselves.
func single(s *schema.Schema) *schema.Schema {
	if s.Type != schema.Union {
		return s
	}
	var only *schema.Schema
	for _, b := range s.Union {
		if b.Type == schema.Null {
			continue
		}
		if only != nil {
			return s
		}
		only = b
	}
	if only == nil {
		return s
	}
	return only
}

func typeText(s *schema.Schema) string {
	switch s.Type {
	case schema.Union:
		parts := make([]string, len(s.Union))
		for i, b := range s.Union {
			parts[i] = typeText(b)
		}
		return strings.Join(parts, " or ")
	case schema.Record, schema.Enum, schema.Fixed:
		return s.FullName()
	}
	return s.Type.String()
}

// text names the fields. Those of rows in change events are columns.
func (d *departures) text(own *schema.Schema) string {
	var b strings.Builder
	for _, f := range d.found {
		what, name := "field ", f.path
		for _, image := range [...]string{"before.", "after."} {
			if column, ok := strings.CutPrefix(f.path, image); ok && own.Name == "Envelope" {
				what, name = "column ", column
			}
		}
		b.WriteString(what + name + " " + f.why + "; ")
	}
	return b.String()
}

// fieldAt is the path of fields that a JSON pointer into a schema leads through.
func fieldAt(s *schema.Schema, pointer string) string {
	v, err := schema.ParseJSON([]byte(s.String()))
	if err != nil {
		return ""
	}
	var fields []string
	parts := strings.Split(strings.Trim(pointer, "/"), "/")
	for i := 0; i < len(parts) && v != nil; i++ {
		var n int
		if _, err := fmt.Sscanf(parts[i], "%d", &n); err != nil || v.Kind != schema.JSONArray {
			v = v.Get(parts[i])
			continue
		}
		if n >= len(v.Items) {
			break
		}
		v = v.Items[n]
		if name := v.Get("name"); name != nil && i > 0 && parts[i-1] == "fields" {
			fields = append(fields, name.Text)
		}
	}
	return strings.Join(fields, ".")
}
