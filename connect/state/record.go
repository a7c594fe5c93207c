// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// The first byte of each key of a changelog and of a store. See doc.go.
const (
	tagOwner byte = 0x00
	tagHead  byte = 0x01
	tagTimer byte = 0x02
	tagValue byte = 0x03
)

// format is the version of the changelog's and the stores' format.
const format = 1

const headLen = 1 + 4*8

// head is the record that ends each unit of a table: how far it is.
type head struct {
	incarnation uint64 // drawn when the changelog began
	commits     uint64
	stream      int64
	closed      int64
}

var newHead = head{stream: math.MinInt64, closed: math.MinInt64}

func (h head) encode() []byte {
	b := append(make([]byte, 0, headLen), format)
	b = binary.BigEndian.AppendUint64(b, h.incarnation)
	b = binary.BigEndian.AppendUint64(b, h.commits)
	b = binary.BigEndian.AppendUint64(b, uint64(h.stream))
	return binary.BigEndian.AppendUint64(b, uint64(h.closed))
}

func decodeHead(b []byte) (head, error) {
	if len(b) > 0 && b[0] > format {
		return head{}, fmt.Errorf("%w: format %d", ErrFormat, b[0])
	}
	if len(b) != headLen || b[0] != format {
		return head{}, fmt.Errorf("%w: a head of %d bytes", ErrCorrupt, len(b))
	}
	return head{
		incarnation: binary.BigEndian.Uint64(b[1:]),
		commits:     binary.BigEndian.Uint64(b[9:]),
		stream:      int64(binary.BigEndian.Uint64(b[17:])),
		closed:      int64(binary.BigEndian.Uint64(b[25:])),
	}, nil
}

// owner is a record of the first unit of a changelog: whose state it is.
type owner struct {
	Format      int    `json:"format"`
	Group       string `json:"group"`
	Connector   string `json:"connector"`
	Step        string `json:"step"` // the state name
	Version     string `json:"version"`
	Incarnation string `json:"incarnation"`
}

func (o owner) encode() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and a number always encode
	}
	return b
}

func decodeOwner(b []byte) (owner, error) {
	var o owner
	if err := json.Unmarshal(b, &o); err != nil {
		return owner{}, fmt.Errorf("%w: decode owner: %w", ErrCorrupt, err)
	}
	if o.Format > format {
		return owner{}, fmt.Errorf("%w: format %d", ErrFormat, o.Format)
	}
	if _, err := o.incarnation(); err != nil {
		return owner{}, fmt.Errorf("%w: incarnation of owner: %w", ErrCorrupt, err)
	}
	return o, nil
}

func (o owner) incarnation() (uint64, error) { return strconv.ParseUint(o.Incarnation, 16, 64) }

func incarnationText(n uint64) string { return fmt.Sprintf("%016x", n) }

// appendTimer appends what follows the tag in a timer's key: the time, so that bytes
// order as times do, and the key.
func appendTimer(b []byte, at int64, key []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(at)^1<<63)
	return append(b, key...)
}

func decodeTimer(b []byte) (at int64, key []byte) {
	return int64(binary.BigEndian.Uint64(b) ^ 1<<63), b[8:]
}

// checkKey refuses keys that this package does not write.
func checkKey(key []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: an empty key", ErrCorrupt)
	case key[0] > tagValue, key[0] <= tagHead && len(key) != 1, key[0] == tagTimer && len(key) < 9:
		return fmt.Errorf("%w: key %q", ErrCorrupt, key)
	}
	return nil
}
