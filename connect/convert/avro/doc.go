// SPDX-License-Identifier: Apache-2.0

// Package avro turns the bytes of a topic into values and back as the AvroConverter of
// Confluent does: a zero byte, the id of a schema, Avro data.
//
// A schema meets the registry once. What is read or written under it goes by a plan: a
// tree of small steps that is compiled of the writer's schema, the reader's schema and
// the Connect schema (resolve.go, decode_*.go), or of a Connect schema and the Avro
// schema that it is written as (encode_*.go). Schema resolution, defaults, promotions
// and logical types are decided when the plan is made, so that a record costs no map, no
// reflection and no allocation beyond the arena of its batch. Which Avro schema a Connect
// schema becomes, and back, is DataOptions (data*.go).
//
// Bytes come from outside: cursor.go compares every length and count with the bytes that
// are left, and Limits bound depth and memory, before a step does anything with them.
package avro
