// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/javamap"
)

// offsetKey is a parsed key of the offsets topic: ["connector",{partition}].
type offsetKey struct {
	connector string
	partition connect.Value
}

// parseOffsetKey reads a key, or says why it is none.
func parseOffsetKey(key []byte) (offsetKey, error) {
	v, err := parseOwn(key)
	if err != nil {
		return offsetKey{}, err
	}
	parts := v.Array()
	if len(parts) != 2 || parts[0].Kind() != connect.KindString {
		return offsetKey{}, fmt.Errorf("the key is not an array of a connector's name and a partition")
	}
	if k := parts[1].Kind(); k != connect.KindMap && k != connect.KindNull {
		return offsetKey{}, fmt.Errorf("the partition is %s, not an object", k)
	}
	return offsetKey{parts[0].Str(), parts[1]}, nil
}

// parseOwn parses JSON into a value that owns its memory.
func parseOwn(data []byte) (connect.Value, error) {
	var a connect.Arena
	v, err := convert.ParseJSON(&a, data)
	if err != nil {
		return connect.Value{}, err
	}
	return connect.Clone(v), nil
}

// meaning is equal for partitions that mean the same: members sorted, numbers
// compared as numbers.
func meaning(partition connect.Value) string {
	entries := slices.Clone(partition.Map())
	slices.SortFunc(entries, func(a, b connect.MapEntry) int { return strings.Compare(a.Key.Str(), b.Key.Str()) })
	for i := range entries {
		if entries[i].Value.IsInt() {
			entries[i].Value = connect.Int64(entries[i].Value.Int())
		}
	}
	return string(convert.AppendJSON(nil, connect.Map(entries)))
}

// newOffsetKey writes the key of a partition that is not stored yet.
func newOffsetKey(connector string, partition connect.Value) []byte {
	// The original writes its keys in this order, and looks them up by their bytes.
	members := slices.Clone(partition.Map())
	javamap.Sort(members, javamap.DefaultBuckets, func(e connect.MapEntry) string { return e.Key.Str() })
	ordered := connect.Map(members)
	return convert.AppendJSON(nil, connect.Array([]connect.Value{connect.String(connector), ordered}))
}

// checkPlain refuses what the original refuses: members must be strings, numbers,
// booleans or null.
func checkPlain(what string, m connect.Value) error {
	if m.Kind() != connect.KindMap {
		return fmt.Errorf("%s must be an object, it is %s", what, m.Kind())
	}
	for _, e := range m.Map() {
		if e.Key.Kind() != connect.KindString {
			return fmt.Errorf("%s has a key that is %s, keys are strings", what, e.Key.Kind())
		}
		switch e.Value.Kind() {
		case connect.KindArray, connect.KindMap, connect.KindStruct, connect.KindBytes:
			return fmt.Errorf("%s member %q is %s: members are strings, numbers, booleans or null", what, e.Key.Str(), e.Value.Kind())
		}
	}
	return nil
}
