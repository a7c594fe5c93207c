// SPDX-License-Identifier: Apache-2.0

package broker

import "math"

// layout is the sequence of the fields of a structure in a flexible version of
// a request. Tagged fields, which end every structure, are left out of it.
//
// Requests are walked along their layout before the codecs of kmsg see them,
// because those count down the announced number of tagged fields even when the
// bytes have run out: five bytes can keep them busy for minutes. A request that
// passed the walk has all the array elements and tagged fields it announces.
// Versions that are not flexible have no tagged fields.
type layout []field

type kind uint8

const (
	fixed   kind = iota // size bytes
	text                // a string or bytes, or null
	list                // an array of fields without tagged fields, or null
	structs             // an array of structures, or null
	tagged              // a structure among the tagged fields
)

// field is a field of a structure, in the versions from first to last.
type field struct {
	kind        kind
	size        int // of fixed
	tag         int // of tagged
	of          layout
	first, last int16
}

func (f field) since(v int16) field { f.first = v; return f }
func (f field) until(v int16) field { f.last = v; return f }

func width(n int) field           { return field{kind: fixed, size: n, last: math.MaxInt16} }
func listOf(of ...field) field    { return field{kind: list, of: of, last: math.MaxInt16} }
func structsOf(of ...field) field { return field{kind: structs, of: of, last: math.MaxInt16} }
func tag(key int, of ...field) field {
	return field{kind: tagged, tag: key, of: of, last: math.MaxInt16}
}

// walk passes over a structure; d.bad is set if it is not whole.
func (l layout) walk(d *decoder, version int16) {
	l.fields(d, version)
	for range d.uvarint() {
		key := d.uvarint()
		value := decoder{p: d.take(d.uvarint())}
		if d.bad {
			return
		}
		l.tagged(&value, key, version)
		d.bad = value.bad
	}
}

func (l layout) fields(d *decoder, version int16) {
	for i := range l {
		if f := &l[i]; f.first <= version && version <= f.last {
			f.skip(d, version)
		}
	}
}

// tagged passes over the value of a tagged field. Values that hold no tagged
// fields of their own need not be known here.
func (l layout) tagged(value *decoder, key int, version int16) {
	for i := range l {
		if l[i].kind == tagged && l[i].tag == key {
			l[i].of.walk(value, version)
		}
	}
}

func (f *field) skip(d *decoder, version int16) {
	switch f.kind {
	case fixed:
		d.take(f.size)
	case text:
		d.nullableBytes(true)
	case list:
		for n := d.count(true); n > 0 && !d.bad; n-- {
			f.of.fields(d, version)
		}
	case structs:
		for n := d.count(true); n > 0 && !d.bad; n-- {
			f.of.walk(d, version)
		}
	case tagged:
		// Comes behind the other fields.
	}
}

// layouts returns the layouts of the requests that kmsg decodes, by API key. They
// hold for the flexible versions in the table of apis.
func layouts() map[int16]layout {
	i8, i16, i32, i64, uuid := width(1), width(2), width(4), width(8), width(16)
	str := field{kind: text, last: math.MaxInt16}
	ints, strs := listOf(i32), listOf(str)
	topics := structsOf(str, ints)
	configs := structsOf(str, str)
	return map[int16]layout{
		1: { // Fetch
			i32.until(14), i32, i32, i32, i8, i32, i32,
			structsOf(str.until(12), uuid.since(13), structsOf(i32, i32, i64, i32, i64, i32)),
			structsOf(str.until(12), uuid.since(13), ints),
			str, tag(1, i32, i64),
		},
		2:  {i32, i8, structsOf(str, structsOf(i32, i32, i64))},                                                       // ListOffsets
		3:  {structsOf(uuid.since(10), str), i8, i8.until(10), i8},                                                    // Metadata
		8:  {str, i32, str, str, structsOf(str, structsOf(i32, i64, i32, str))},                                       // OffsetCommit
		9:  {str.until(7), topics.until(7), structsOf(str, str.since(9), i32.since(9), topics).since(8), i8.since(7)}, // OffsetFetch
		10: {str.until(3), i8, strs.since(4)},                                                                         // FindCoordinator
		11: {str, i32, i32, str, str, str, structsOf(str, str), str.since(8)},                                         // JoinGroup
		12: {str, i32, str, str},                                                                                      // Heartbeat
		13: {str, structsOf(str, str, str.since(5))},                                                                  // LeaveGroup
		14: {str, i32, str, str, str.since(5), str.since(5), structsOf(str, str)},                                     // SyncGroup
		15: {strs, i8},                                                                                                // DescribeGroups
		16: {strs.since(4), strs.since(5)},                                                                            // ListGroups
		18: {str, str},                                                                                                // ApiVersions
		19: {structsOf(str, i32, i16, structsOf(i32, ints), configs), i32, i8},                                        // CreateTopics
		20: {strs.until(5), structsOf(str, uuid).since(6), i32},                                                       // DeleteTopics
		21: {structsOf(str, structsOf(i32, i64)), i32},                                                                // DeleteRecords
		22: {str, i32, i64.since(3), i16.since(3)},                                                                    // InitProducerID
		23: {i32, structsOf(str, structsOf(i32, i32, i32))},                                                           // OffsetForLeaderEpoch
		24: {str, i64, i16, topics},                                                                                   // AddPartitionsToTxn
		25: {str, i64, i16, str},                                                                                      // AddOffsetsToTxn
		26: {str, i64, i16, i8},                                                                                       // EndTxn
		27: {structsOf(i64, i16, i8, topics, i32)},                                                                    // WriteTxnMarkers
		28: {str, str, i64, i16, i32, str, str, structsOf(str, structsOf(i32, i64, i32, str))},                        // TxnOffsetCommit
		32: {structsOf(i8, str, strs), i8, i8},                                                                        // DescribeConfigs
		33: {structsOf(i8, str, configs), i8},                                                                         // AlterConfigs
		35: {topics},                                                                                                  // DescribeLogDirs
		37: {structsOf(str, i32, structsOf(ints)), i32, i8},                                                           // CreatePartitions
		42: {strs},                                                                                                    // DeleteGroups
		44: {structsOf(i8, str, structsOf(str, i8, str)), i8},                                                         // IncrementalAlterConfigs
		60: {i8, i8.since(1), i8.since(2)},                                                                            // DescribeCluster
		61: {topics},                                                                                                  // DescribeProducers
		65: {strs},                                                                                                    // DescribeTransactions
		66: {strs, listOf(i64), i64.since(1), str.since(2)},                                                           // ListTransactions
	}
}
