// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/connectd/connectd/connect"
)

const (
	leastChunk = 4 << 10
	mostChunk  = 256 << 10
	// recordShare is what a record takes of a batch's budget besides its line.
	recordShare = 64
)

// readChunk reads behind the last line, straight into the arena, and makes records
// of the lines. last says that the file will not grow, so that its end ends a line.
func (t *tail) readChunk(b *connect.Batch, limit int, last bool) (bool, error) {
	if t.long != nil {
		return t.readLong(b, last)
	}
	left := t.size - t.at.bytes
	chunk := b.Arena.Bytes(int(min(left, int64(t.chunkSize(b, limit)))))
	n, err := t.f.ReadAt(chunk, t.at.bytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", t.path, err)
	}
	chunk = chunk[:n]
	whole := int64(n) == left
	before := t.at.bytes
	ends, err := t.cut(b, chunk, limit, last && whole)
	switch {
	case err != nil:
		return false, err
	case t.at.bytes > before:
		t.need, t.seen = 0, 0
		return true, nil
	case n > t.task.set.maxLine+1:
		t.long = newLongLine(chunk, ends, t.at, t.task.set.maxLine)
		return true, nil
	case whole || n == 0:
		t.seen = left
		return false, nil
	}
	t.need = 2 * len(chunk)
	return true, nil
}

// chunkSize is enough for the records that the batch still takes, and not more:
// what is read and not used is read again.
func (t *tail) chunkSize(b *connect.Batch, limit int) int {
	records := min(limit, b.MaxRecords) - len(b.Records)
	most := max(b.MaxBytes-b.Bytes(), leastChunk)
	size := min(records, mostChunk/(t.width+1)+1) * (t.width + 1)
	size = min(max(size, leastChunk), mostChunk, most)
	return max(size, min(t.need, t.task.set.maxLine+2))
}

// cut makes records of the lines in chunk, and returns where the next line's end is
// if it is incomplete.
func (t *tail) cut(b *connect.Batch, chunk []byte, limit int, final bool) (int, error) {
	s := newLineScanner(chunk, final)
	ascii := isASCII(chunk)
	now := t.task.now().UnixMilli()
	lines := 0
	for !b.Full() && len(b.Records) < limit {
		line, end, ok := s.next()
		if !ok {
			break
		}
		lines++
		if err := t.emit(b, line, end, ascii, now); err != nil {
			return 0, err
		}
	}
	if lines > 0 {
		t.width = (t.width + s.pos/lines) / 2
	}
	return min(s.nl, s.cr), nil
}

// emit makes a record of a line and steps behind it.
func (t *tail) emit(b *connect.Batch, line []byte, end int, ascii bool, now int64) error {
	before := t.at
	chars := int64(len(line))
	if !ascii {
		chars = units(line)
	}
	t.step(int64(len(line)+end), chars+int64(end))
	d := &t.task.set.decoder
	if d.format == formatCSV && t.header == nil {
		return t.setHeader(line)
	}
	if d.blank(line) {
		return nil
	}
	r := t.addRecord(b, line, now)
	var err error
	if len(line) > t.task.set.maxLine {
		r.RawValue = line[:t.task.set.maxLine]
		err = tooLong(int64(len(line)), t.task.set.maxLine)
	} else if !ascii {
		line, err = d.text(&b.Arena, line)
	}
	if err == nil {
		err = d.decode(&b.Arena, r, line, t.header)
	}
	if err != nil {
		r.Value, r.ValueSchema = connect.Value{}, nil
		r.Err = lineError(t.path, before, line, err)
	}
	return nil
}

// step moves behind a line.
func (t *tail) step(bytes, chars int64) {
	t.at.bytes += bytes
	t.at.chars += chars
	if t.at.lines >= 0 {
		t.at.lines++
	}
}

// addRecord adds a record for the line that has just been stepped over.
func (t *tail) addRecord(b *connect.Batch, line []byte, now int64) *connect.Record {
	t.quiet = false
	r := b.Add(len(line) + recordShare)
	r.Topic, r.Source, r.Timestamp, r.RawValue = t.task.set.topic, t.source, now, line
	r.Pos = [3]int64{t.at.bytes, t.at.chars, t.mark<<linesBits | (t.at.lines+1)&linesMask}
	return r
}

func tooLong(n int64, most int) error {
	return fmt.Errorf("the line has %d bytes, %s allows %d", n, maxLineKey, most)
}

// setHeader reads the names of CSV's fields.
func (t *tail) setHeader(line []byte) error {
	header, err := parseHeader(line, t.task.set.decoder.separator)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.path, err)
	}
	t.header = header
	return nil
}

// loadHeader reads the header of a file that is not read from its beginning.
func (t *tail) loadHeader() error {
	if t.task.set.decoder.format != formatCSV || t.at.bytes == 0 {
		return nil
	}
	first := make([]byte, min(t.size, int64(t.task.set.maxLine)))
	n, err := t.f.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", t.path, err)
	}
	if i := bytes.IndexAny(first[:n], "\r\n"); i >= 0 {
		n = i
	}
	return t.setHeader(first[:n])
}
