// SPDX-License-Identifier: Apache-2.0

package window

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/stored"
)

// version is the first byte of a stored window.
const version = 1

var errDamaged = errors.New("window: the stored window is damaged")

// entry is what is stored of one window of one key.
type entry struct {
	end int64
	// latest is the largest time of a record in it, which the output rows carry.
	latest int64
	accs   []accumulator
}

// appendKey makes the key of a window in state, and of its timer: the key of the
// group, then the start, so that the windows of a group stand together in order of
// time. The group key of windows over all records is empty.
func appendKey(dst []byte, group []byte, start int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, group...), uint64(start)^1<<63)
}

// splitKey reverts appendKey; group aliases key.
func splitKey(key []byte) (group []byte, start int64, err error) {
	at := len(key) - 8
	if at < 0 {
		return nil, 0, errDamaged
	}
	return key[:at], int64(binary.BigEndian.Uint64(key[at:]) ^ 1<<63), nil
}

// appendTo appends the stored form. topic is that of the last record in the window: a
// final row has no record to take it from.
func (e *entry) appendTo(dst []byte, topic string) []byte {
	dst = binary.AppendVarint(append(dst, version), e.end)
	dst = binary.AppendVarint(dst, e.latest)
	dst = append(binary.AppendUvarint(dst, uint64(len(topic))), topic...)
	for i := range e.accs {
		dst = binary.AppendVarint(dst, e.accs[i].count)
		dst = stored.Append(dst, e.accs[i].value)
	}
	return dst
}

// parse reads a stored window into e, whose accs say how many there are. Values live
// in the arena, topic aliases b.
func (e *entry) parse(a *connect.Arena, b []byte) (topic []byte, err error) {
	if len(b) == 0 || b[0] != version {
		return nil, errDamaged
	}
	var ok [3]bool
	var n uint64
	b = b[1:]
	e.end, b, ok[0] = varint(b)
	e.latest, b, ok[1] = varint(b)
	n, b, ok[2] = uvarint(b)
	if ok != [3]bool{true, true, true} || n > uint64(len(b)) {
		return nil, errDamaged
	}
	topic, b = b[:n], b[n:]
	for i := range e.accs {
		var counted bool
		if e.accs[i].count, b, counted = varint(b); !counted {
			return nil, errDamaged
		}
		if e.accs[i].value, b, err = stored.Read(a, b); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if len(b) != 0 {
		return nil, errDamaged
	}
	return topic, nil
}

func varint(b []byte) (int64, []byte, bool) {
	n, size := binary.Varint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

func uvarint(b []byte) (uint64, []byte, bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 {
		return 0, nil, false
	}
	return n, b[size:], true
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
