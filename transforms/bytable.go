// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/connectd/connectd/connect"
)

// byTable is ByLogicalTableRouter, and ToLogicalTopicRouter as its later versions are
// called, as of Debezium 3.7.
type byTable struct {
	topics    topicMatcher
	unique    bool // the key tells from which table it is
	keyField  string
	keyTopics *topicMatcher // nil takes the whole topic
	adjust    nameAdjustment
	log       *slog.Logger

	keys   schemaCache[routedSchema[*connect.Schema]]
	events schemaCache[routedSchema[*routedEvent]]
	shared []*connect.Schema
}

// routedSchema is what became of a schema for one topic.
type routedSchema[T any] struct {
	topic string
	made  T
}

// routedEvent is the new schema of change events, and the one of the rows in them.
type routedEvent struct {
	schema, row *connect.Schema
}

// Apply renames topic and schemas of records whose topic matches. A replacement that
// leaves no topic leaves the record.
func (b *byTable) Apply(c *connect.Context, r *connect.Record, emit connect.Emit) error {
	topic, matched := b.topics.match(r.Topic)
	if matched && topic == "" {
		b.log.Warn("routing by table leaves no topic, so the record keeps its own", "topic", r.Topic)
	}
	if topic == "" {
		emit(r)
		return nil
	}
	if !r.Key.IsNull() {
		key, err := b.key(c.Arena, r, topic)
		if err != nil {
			return err
		}
		r.Key, r.KeySchema = connect.StructValue(key), key.Schema
	} else {
		r.KeySchema = nil
	}
	if !r.Value.IsNull() && isEnvelope(r.ValueSchema) {
		event, err := b.event(c.Arena, r, topic)
		if err != nil {
			return err
		}
		r.Value, r.ValueSchema = connect.StructValue(event), event.Schema
	}
	r.Topic = topic
	emit(r)
	return nil
}

const routePurpose = "route by table"

// key copies the key into its new schema, with the name of its table behind it.
func (b *byTable) key(a *connect.Arena, r *connect.Record, topic string) (*connect.Struct, error) {
	old, err := requireStruct(r.Key, routePurpose)
	if err != nil {
		return nil, err
	}
	known, ok := b.keys.get(old.Schema)
	if !ok || known.topic != topic {
		known = routedSchema[*connect.Schema]{topic: topic}
		if known.made, err = b.keySchema(old.Schema, topic); err != nil {
			return nil, err
		}
		b.keys.put(old.Schema, known)
	}
	out := a.Struct(known.made)
	n := copy(out.Values, old.Values)
	if !b.unique {
		return out, nil
	}
	table := r.Topic
	if b.keyTopics != nil {
		if named, matched := b.keyTopics.match(r.Topic); matched {
			table = named
		}
	}
	out.Values[n] = connect.String(table)
	return out, nil
}

func (b *byTable) keySchema(s *connect.Schema, topic string) (*connect.Schema, error) {
	builder := connect.Like(s, false).Default(connect.Null()).Name(b.adjust.schemaName(topic + ".Key"))
	if b.unique {
		builder.Field(b.keyField, connect.StringSchema)
	}
	return b.build(builder)
}

// event copies a change event into its new schema, with its rows.
func (b *byTable) event(a *connect.Arena, r *connect.Record, topic string) (*connect.Struct, error) {
	old, err := requireStruct(r.Value, routePurpose)
	if err != nil {
		return nil, err
	}
	known, ok := b.events.get(old.Schema)
	if !ok || known.topic != topic {
		known = routedSchema[*routedEvent]{topic: topic}
		if known.made, err = b.eventSchema(old.Schema, topic); err != nil {
			return nil, err
		}
		b.events.put(old.Schema, known)
	}
	out := a.Struct(known.made.schema)
	fields := old.Schema.Fields()
	for i := range fields {
		v := orDefault(&fields[i], old.Values[i], true)
		if isRow(fields[i].Name) && v.Struct() != nil && known.made.row != nil {
			v = connect.StructValue(moved(a, known.made.row, v.Struct()))
		}
		out.Values[i] = v
	}
	return out, nil
}

func isRow(field string) bool { return field == "before" || field == "after" }

// moved copies a struct into another schema: by position where both have the same
// fields, as is usual, and else by name.
func moved(a *connect.Arena, to *connect.Schema, st *connect.Struct) *connect.Struct {
	out := a.Struct(to)
	fields := st.Schema.Fields()
	for i, f := range to.Fields() {
		if i < len(fields) && fields[i].Name == f.Name {
			out.Values[i] = st.Values[i]
			continue
		}
		out.Values[i], _ = st.Get(f.Name)
	}
	return out
}

func (b *byTable) eventSchema(s *connect.Schema, topic string) (*routedEvent, error) {
	made := &routedEvent{}
	row := s.Field("before")
	if row == nil {
		row = s.Field("after")
	}
	var err error
	if row != nil && row.Schema.Type() == connect.TypeStruct {
		named := connect.Like(row.Schema, false).Default(connect.Null()).Name(b.adjust.schemaName(topic + ".Value"))
		if made.row, err = b.build(named); err != nil {
			return nil, err
		}
	}
	builder := connect.Like(s, true).Default(connect.Null()).Name(b.adjust.schemaName(topic + envelopeSuffix))
	for _, f := range s.Fields() {
		if isRow(f.Name) && made.row != nil {
			builder.Field(f.Name, made.row)
			continue
		}
		builder.Field(f.Name, f.Schema)
	}
	made.schema, err = b.build(builder)
	return made, err
}

// build builds a schema, or finds the one that another table of the same form has
// led to: what comes behind then sees one schema, not one for each table.
func (b *byTable) build(builder *connect.Builder) (*connect.Schema, error) {
	s, err := buildSchema(builder, routePurpose)
	if err != nil {
		return nil, err
	}
	for _, known := range b.shared {
		if known.Equal(s) {
			return known, nil
		}
	}
	if len(b.shared) >= maxSchemas {
		b.shared = nil
	}
	b.shared = append(b.shared, s)
	return s, nil
}

// topicMatcher renames topics that match as a whole, and tells which do. It keeps its
// answers: the topics of a job are few.
type topicMatcher struct {
	router *regexRouter
	last   string
	was    topicMatch
	known  map[string]topicMatch
}

type topicMatch struct {
	old, topic string
	matched    bool
}

func newTopicMatcher(regexKey, regex, replacementKey, replacement string) (topicMatcher, error) {
	router, err := compileRegexRouter(regexKey, regex, replacementKey, replacement)
	return topicMatcher{router: router, known: map[string]topicMatch{}}, err
}

// match returns "" for a topic that does not match.
func (m *topicMatcher) match(topic string) (string, bool) {
	if topic == m.last && topic != "" {
		return m.was.topic, m.was.matched
	}
	found, ok := m.known[topic]
	if !ok {
		found.old = strings.Clone(topic)
		if m.router.whole.MatchString(topic) {
			found.topic, found.matched = m.router.rename(topic), true
		}
		if len(m.known) >= maxKnownTopics {
			clear(m.known)
		}
		m.known[found.old] = found
	}
	m.last, m.was = found.old, found
	return found.topic, found.matched
}

func newByTable(t connect.TransformContext, defaultKeyField string) (connect.Transform, error) {
	c := t.Config
	b := &byTable{
		unique: c.Bool("key.enforce.uniqueness"), keyField: c.String("key.field.name"),
		adjust: nameAdjustment(strings.ToLower(c.String("schema.name.adjustment.mode"))), log: t.Log,
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.keyField == "" {
		b.keyField = defaultKeyField
	}
	var err error
	if b.topics, err = newTopicMatcher("topic.regex", c.String("topic.regex"), "topic.replacement", c.String("topic.replacement")); err != nil {
		return nil, err
	}
	if strings.TrimSpace(c.String("key.field.regex")) == "" {
		return b, nil
	}
	keyTopics, err := newTopicMatcher("key.field.regex", c.String("key.field.regex"), "key.field.replacement", c.String("key.field.replacement"))
	if err != nil {
		return nil, fmt.Errorf("route by table: %w", err)
	}
	b.keyTopics = &keyTopics
	return b, nil
}
