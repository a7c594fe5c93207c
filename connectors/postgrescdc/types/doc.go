// SPDX-License-Identifier: Apache-2.0

// Package types maps columns of PostgreSQL tables to the schemas and values of Connect,
// as Debezium's connector for PostgreSQL 3.7 does.
//
// A Catalog is what the server's pg_type knows; Load reads it. Plan looks at one column,
// the catalog and the modes, and returns a ColumnPlan: the schema of the field, with
// name, version, parameters and default, and a decoder for the text that the server
// sends (and, for the common types, for its binary form). A plan is made once for a
// relation; decoding then needs no map, no reflection, no lock, and no allocation
// outside of the batch's arena.
//
// Text depends on settings of the session that sends it. Values are only right if both
// the replication connection and the sessions of a snapshot run with Settings.
//
// A value that arrives but has no place in its schema is a *ValueError with Unfit set: NaN
// in a decimal, a timestamp beyond the range of its number. The original writes a warning
// and null for these; the caller decides. Text that the server cannot have sent is a
// *ValueError too; nothing panics.
//
// Where the original has no answer, or loses data that its own schema could carry, this
// package does the following:
//
//   - Arrays of every element type are arrays: also of money, interval, name, bit, xml,
//     point, domains, ranges and multiranges.
//   - Ranges of own types and multiranges are strings in the server's canonical text.
//   - Elements of arrays of more dimensions are null, as in the original, unless
//     Modes.NestedArrays gives such columns a schema of arrays of arrays.
//   - Composite types are left out, or are text as every unknown type, unless
//     Modes.CompositeStructs makes structs of them.
//   - numeric(p,s) with a negative scale has scale 0, and with s > p the precision s, as
//     Avro knows nothing else.
//   - Infinite dates and timestamps are infinity and -infinity under
//     time.precision.mode=isostring, infinite intervals under interval.handling.mode=string; in
//     microseconds an infinite interval is the largest or smallest number.
//   - Columns of type name keep their value in the stream.
package types
