// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// Names of the headers on the error topic.
const (
	headerPrefix    = "__connect.errors."
	headerPartition = "__connectd.source.partition"
	headerOffset    = "__connectd.source.offset"
	headerRule      = "__connectd.errors.rule"
	headerField     = "__connectd.errors.field"
)

// maxErrorText bounds the text of a record in errors and log lines.
const maxErrorText = 1000

// origin is where an input record came from, as errors tell it.
type origin struct {
	// topic, partition and offset are those of a topics input; partition is -1 for a
	// source, and topic is where the record was to go.
	topic            string
	partition        int32
	offset           int64
	sourcePartition  []byte // JSON; nil on the topics side
	sourceOffset     []byte
	rawKey, rawValue []byte
	headers          []kafka.Header // as they were read; nil for a source
}

// text is the position in one piece.
func (o *origin) text() string {
	if o.sourcePartition != nil {
		return string(o.sourcePartition) + " " + string(o.sourceOffset)
	}
	return o.topic + "-" + strconv.Itoa(int(o.partition)) + "@" + strconv.FormatInt(o.offset, 10)
}

// errorRoad is where records go that cannot be processed.
type errorRoad struct {
	all           bool // errors.tolerance
	logs, records bool // errors.log.*
	topic         string
	headers       bool
	connector     string
	task          int
	class         string // of the connector, for errors of the input itself
	m             *metrics.Task
	log           *slog.Logger
	now           func() time.Time
	key, value    codec
	header        headerCodec
	// write appends to the error topic.
	write func(u *unit, r kafka.Record) *failure
}

func newErrorRoad(o *TaskOptions, p *parts) errorRoad {
	c := p.framework
	return errorRoad{
		all: c.String(keyTolerance) == "all", logs: c.Bool(keyLogEnable), records: c.Bool(keyLogMessages), topic: c.String(keyErrorTopic),
		headers: c.Bool(keyErrorHeaders), connector: o.Connector, task: o.Task, class: p.taskClass(), m: o.Metrics, log: o.Log, now: o.Now,
		key: p.key, value: p.value, header: p.header,
	}
}

// take gives a record to the error road: it is counted, logged and written to the
// error topic in the open unit. r is the input record, or what a timer released. The
// result is not nil if the task must end there.
func (e *errorRoad) take(r *connect.Record, f *failure, o origin, u *unit) *RecordError {
	if f.class == "" {
		f.class = e.class
	}
	re := &RecordError{Connector: e.connector, Task: e.task, Stage: f.stage, Class: f.class, Position: o.text(), Text: e.text(r, &o), Err: f.err}
	if e.logs {
		e.logLine(re, r)
	}
	if e.topic != "" {
		if wf := e.write(u, e.record(u, r, f, &o)); wf != nil {
			e.m.ErrorRecordFailures.Add(1)
			e.log.Error("a record could not be written to the error topic", "topic", e.topic, "error", wf.err)
			re.Err = errors.Join(re.Err, wf.err)
			return re
		}
		u.errors++
		e.m.ErrorRecords.Add(1)
	}
	if !e.all {
		return re
	}
	e.m.Skipped.Add(1)
	return nil
}

func (e *errorRoad) logLine(re *RecordError, r *connect.Record) {
	args := []any{"stage", string(re.Stage), "class", re.Class, "error", re.Err}
	if e.records {
		args = append(args, "position", re.Position, "timestamp", r.Timestamp, "record", re.Text)
	}
	e.log.Error("error in a record", args...)
	e.m.Logged.Add(1)
}

// text is the beginning of the record for people.
func (e *errorRoad) text(r *connect.Record, o *origin) string {
	b := o.rawValue
	if b == nil {
		b = convert.AppendJSON(nil, r.Value)
	}
	if len(b) > maxErrorText {
		return string(b[:maxErrorText]) + "…"
	}
	return string(b)
}

// record makes the record for the error topic: the raw bytes if the input supplied
// them, else what the converter makes of the value, else JSON.
func (e *errorRoad) record(u *unit, r *connect.Record, f *failure, o *origin) kafka.Record {
	out := kafka.Record{Timestamp: r.Timestamp, Key: copied(u, o.rawKey), Value: copied(u, o.rawValue), Headers: o.headers}
	if out.Timestamp == connect.NoTimestamp {
		out.Timestamp = wall(e.now)
	}
	if o.rawKey == nil && o.rawValue == nil {
		out.Key, out.Value = e.encoded(u, &e.key, r.Topic, r.KeySchema, r.Key), e.encoded(u, &e.value, r.Topic, r.ValueSchema, r.Value)
	}
	if o.headers == nil {
		out.Headers = e.passed(u, r)
	}
	if e.headers {
		out.Headers = append(out.Headers[:len(out.Headers):len(out.Headers)], e.context(r, f, o)...)
	}
	return out
}

// copied makes bytes of the input part of the unit.
func copied(u *unit, b []byte) []byte {
	if b == nil {
		return nil
	}
	return u.scratch.keep(append(u.scratch.tail(), b...))
}

// encoded is a value by the connector's converter, or as JSON where that fails.
func (e *errorRoad) encoded(u *unit, c *codec, topic string, schema *connect.Schema, v connect.Value) []byte {
	out, null, err := c.FromConnect(u.scratch.tail(), topic, schema, v)
	switch {
	case err != nil:
		return u.scratch.keep(convert.AppendJSON(u.scratch.tail(), v))
	case null:
		return nil
	default:
		return u.scratch.keep(out)
	}
}

// passed are the record's own headers; one that cannot be converted is JSON.
func (e *errorRoad) passed(u *unit, r *connect.Record) []kafka.Header {
	var hs []kafka.Header
	for i := range r.Headers {
		h := &r.Headers[i]
		out, null, err := e.header.FromConnectHeader(u.scratch.tail(), r.Topic, h.Key, h.Schema, h.Value)
		switch {
		case err != nil:
			hs = append(hs, kafka.Header{Key: h.Key, Value: plainText(h.Value)})
		case null:
			hs = append(hs, kafka.Header{Key: h.Key})
		default:
			hs = append(hs, kafka.Header{Key: h.Key, Value: u.scratch.keep(out)})
		}
	}
	return hs
}

// context are the headers that say what happened.
func (e *errorRoad) context(r *connect.Record, f *failure, o *origin) []kafka.Header {
	hs := make([]kafka.Header, 0, 14)
	add := func(name, value string) { hs = append(hs, kafka.Header{Key: name, Value: []byte(value)}) }
	if o.sourcePartition == nil {
		add(headerPrefix+"topic", o.topic)
		add(headerPrefix+"partition", strconv.Itoa(int(o.partition)))
		add(headerPrefix+"offset", strconv.FormatInt(o.offset, 10))
	} else {
		add(headerPrefix+"topic", r.Topic)
	}
	class, message := exceptionOf(f.err)
	add(headerPrefix+"connector.name", e.connector)
	add(headerPrefix+"task.id", strconv.Itoa(e.task))
	add(headerPrefix+"stage", string(f.stage))
	add(headerPrefix+"class.name", f.class)
	add(headerPrefix+"exception.class.name", class)
	add(headerPrefix+"exception.message", message)
	add(headerPrefix+"exception.stacktrace", class+": "+message)
	if o.sourcePartition != nil {
		add(headerPartition, string(o.sourcePartition))
		add(headerOffset, string(o.sourceOffset))
	}
	return append(hs, dataHeaders(f.err)...)
}

func exceptionOf(err error) (class, message string) {
	class = classData
	var d *connect.DataError
	if errors.As(err, &d) && d.Class != "" {
		class = d.Class
	} else if connect.IsRetriable(err) {
		class = "org.apache.kafka.connect.errors.RetriableException"
	}
	return class, err.Error()
}

// dataHeaders are those that the failing step has named.
func dataHeaders(err error) []kafka.Header {
	var d *connect.DataError
	if !errors.As(err, &d) {
		return nil
	}
	var hs []kafka.Header
	if d.Rule != "" {
		hs = append(hs, kafka.Header{Key: headerRule, Value: []byte(d.Rule)})
	}
	if d.Field != "" {
		hs = append(hs, kafka.Header{Key: headerField, Value: []byte(d.Field)})
	}
	for _, h := range d.Headers {
		hs = append(hs, kafka.Header{Key: h.Key, Value: plainText(h.Value)})
	}
	return hs
}

func plainText(v connect.Value) []byte {
	switch v.Kind() {
	case connect.KindNull:
		return nil
	case connect.KindString, connect.KindBytes:
		return append([]byte{}, v.Bytes()...)
	default:
		return convert.AppendJSON(nil, v)
	}
}
