// SPDX-License-Identifier: Apache-2.0

package file

import (
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Members of partitions and offsets. The first two are the original's; the others
// are ours, and it ignores them.
const (
	filenameField = "filename"
	positionField = "position"       // characters, as the original counts them
	bytesField    = "connectd_bytes" // bytes
	lineField     = "connectd_line"  // lines; null if they were not counted
	fileField     = "connectd_file"  // identity, and the position that it was written with
)

// place is how far a file has been read: the end of a line.
type place struct {
	bytes int64
	chars int64 // UTF-16 units
	lines int64 // -1 if unknown
}

// stored is what an offset says.
type stored struct {
	path string
	at   place
	// known says that bytes and id are usable; else there is only at.chars, from the
	// original or from an operator.
	known bool
	id    identity
}

func partitionOf(path string) connect.Value {
	return connect.Map([]connect.MapEntry{{Key: connect.String(filenameField), Value: connect.String(path)}})
}

// offsetOf makes the offset map of a place in a file of this identity.
func offsetOf(at place, id string) connect.Value {
	lines := connect.Int64(at.lines)
	if at.lines < 0 {
		lines = connect.Null()
	}
	return connect.Map([]connect.MapEntry{
		{Key: connect.String(positionField), Value: connect.Int64(at.chars)},
		{Key: connect.String(bytesField), Value: connect.Int64(at.bytes)},
		{Key: connect.String(lineField), Value: lines},
		{Key: connect.String(fileField), Value: connect.String(id + "@" + strconv.FormatInt(at.chars, 10))},
	})
}

// readOffset reads a committed position. It reports false for what is not one of
// this connector's.
func readOffset(p connect.Position) (stored, bool) {
	path, _ := p.Partition.Get(filenameField)
	position, ok := p.Offset.Get(positionField)
	if path.Kind() != connect.KindString || !ok || !position.IsInt() || position.Int() < 0 {
		return stored{}, false
	}
	s := stored{path: strings.Clone(path.Str()), at: place{chars: position.Int(), lines: -1}}
	text, _ := p.Offset.Get(fileField)
	id, check, _ := strings.Cut(text.Str(), "@")
	bytes, ok := p.Offset.Get(bytesField)
	if !ok || !bytes.IsInt() || bytes.Int() < 0 || check != strconv.FormatInt(s.at.chars, 10) {
		return s, true // set by the original or by hand: position alone counts
	}
	if s.id, s.known = parseIdentity(id); s.known {
		s.at.bytes = bytes.Int()
	}
	if lines, ok := p.Offset.Get(lineField); ok && lines.IsInt() {
		s.at.lines = lines.Int()
	}
	return s, true
}

// offsetError is a refusal in the original's words.
type offsetError string

func (e offsetError) Error() string { return string(e) }

// checkOffset refuses what an operator may not store.
func checkOffset(p connect.Position) error {
	if p.Offset.IsNull() {
		return nil // a reset is always allowed
	}
	position, ok := p.Offset.Get(positionField)
	if !ok {
		return offsetError("Offset objects should either be null or contain the key 'position'")
	}
	if !position.IsInt() {
		return offsetError("The value for the 'position' key in the offset is expected to be a Long value")
	}
	if position.Int() < 0 {
		return offsetError("The value for the 'position' key in the offset should be a non-negative value")
	}
	if p.Partition.IsNull() {
		return offsetError("Partition objects cannot be null")
	}
	if _, ok := p.Partition.Get(filenameField); !ok {
		return offsetError("Partition objects should contain the key 'filename'")
	}
	return nil
}
