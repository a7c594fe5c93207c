// SPDX-License-Identifier: Apache-2.0

package stdout

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// maxBuffer is how much memory the task keeps for the lines of a batch.
const maxBuffer = 1 << 20

// task prints batches.
type task struct {
	out   io.Writer
	line  func(dst []byte, r *connect.Record) []byte
	parts []part
	buf   []byte
}

// Start chooses the form of a line.
func (t *task) Start(_ context.Context, c connect.SinkTaskContext) error {
	switch strings.ToLower(c.Config.String(formatKey)) {
	case formatPretty:
		t.line = appendPretty
	case formatTemplate:
		parts, rule, _ := parseTemplate(c.Config.String(templateKey))
		if rule != "" {
			return fmt.Errorf("read template: %s", rule)
		}
		t.parts, t.line = parts, t.appendTemplate
	default:
		t.line = func(dst []byte, r *connect.Record) []byte { return convert.AppendJSON(dst, r.Value) }
	}
	return nil
}

// Put prints the batch with one write.
func (t *task) Put(_ context.Context, b *connect.Batch) error {
	t.buf = t.buf[:0]
	for i := range b.Records {
		t.buf = append(t.line(t.buf, &b.Records[i]), '\n')
	}
	if len(t.buf) == 0 {
		return nil
	}
	_, err := t.out.Write(t.buf)
	if cap(t.buf) > maxBuffer {
		t.buf = nil
	}
	if err != nil {
		return fmt.Errorf("write standard output: %w", err)
	}
	return nil
}

func (t *task) appendTemplate(dst []byte, r *connect.Record) []byte {
	for i := range t.parts {
		dst = t.parts[i].append(dst, r)
	}
	return dst
}

// appendPretty prints topic-partition@offset, the time, key, value and headers.
func appendPretty(dst []byte, r *connect.Record) []byte {
	dst = append(append(dst, r.Topic...), '-')
	dst = append(strconv.AppendInt(dst, int64(r.Partition), 10), '@')
	dst = strconv.AppendInt(dst, r.Offset, 10)
	if r.Timestamp != connect.NoTimestamp {
		dst = time.UnixMilli(r.Timestamp).UTC().AppendFormat(append(dst, ' '), "2006-01-02T15:04:05.000Z")
	}
	dst = convert.AppendJSON(append(dst, " key="...), r.Key)
	dst = convert.AppendJSON(append(dst, " value="...), r.Value)
	for i := range r.Headers {
		dst = append(append(dst, " header."...), r.Headers[i].Key...)
		dst = convert.AppendJSON(append(dst, '='), r.Headers[i].Value)
	}
	return dst
}

// Open has nothing to do: all partitions are printed alike.
func (t *task) Open(context.Context, []connect.TopicOffset) error { return nil }

// Flush returns the offsets as they are: what Put wrote is out of the task's hands.
func (t *task) Flush(_ context.Context, offsets []connect.TopicOffset) ([]connect.TopicOffset, error) {
	return offsets, nil
}

// Close has nothing to do.
func (t *task) Close(context.Context, []connect.TopicPartition) error { return nil }

// Stop has nothing to do: the standard output belongs to the process.
func (t *task) Stop(context.Context) error { return nil }

var _ connect.SinkTask = (*task)(nil)
