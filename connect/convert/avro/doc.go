// SPDX-License-Identifier: Apache-2.0

// Package avro turns the bytes of a topic into values and back as the AvroConverter of
// Confluent does: a zero byte, the id of a schema, Avro data.
//
// A schema meets the registry once. What is read or written under it goes by a plan: a
// tree of small steps that is compiled of the writer's schema, the reader's schema and
// the Connect schema (resolve.go, decode_*.go), or of a Connect schema and the Avro
// schema that it is written as (encode_*.go). Schema resolution, defaults, promotions
// and logical types are decided when the plan is made, so that a record costs no map, no
// reflection and no allocation beyond the arena of its batch; decimals, which an arena
// does not hold, are allocated in runs of 128 if 64 bits hold them, else one by one. Which
// Avro schema a Connect schema becomes, and back, is DataOptions (data*.go).
//
// The steps append and read by themselves instead of through the Writer and Reader of
// hamba/avro, which the tests compare them with. Ten longs and ten strings took 73 ns
// appended and 87 ns through the Writer and into the batch; read, 139 ns and 322 ns, since
// the Reader copies every string (BenchmarkPrimitives). A record of 12 fields with three
// items took 165 ns to write and 276 ns to read, and 3207 ns and 4330 ns by the library's
// Marshal and Unmarshal with maps (BenchmarkEncode, BenchmarkDecode; one run on two busy
// cores, so that only the ratios mean something).
//
// Bytes come from outside: cursor.go compares every length and count with the bytes that
// are left, and Limits bound depth and memory, before a step does anything with them.
package avro
