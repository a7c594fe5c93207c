// SPDX-License-Identifier: Apache-2.0

// Package server is a schema registry for Avro schemas: the routes, bodies and error
// codes of Confluent's registry 7.9, and its log.
//
// Everything is kept in a Store, a log of records in the original's format. A read is
// answered from the state that replaying the log gives. A write decides what to append
// with the log read to its end, appends it, and is answered when the records have come
// back and were applied: what a client was told can be read by everybody.
//
// KafkaStore keeps the log in one partition of a compacted topic, _schemas, so that the
// original can be started on it and the other way round, though not both at a time: the
// original elects its writer among its own kind. Several servers of this package may
// share a topic. Each writes in transactions under the same transactional id, and the
// coordinator fences all but the last that began: who is fenced begins anew, reads what
// the other one wrote, and decides again.
//
// # What is missing
//
// JSON Schema and Protobuf are refused when they are registered; those that the log holds
// already are kept and served. Metadata and rules of a schema are kept, taken over from
// the version before, and handed out, but nothing is done with them. Of the settings of a
// subject only compatibility and normalize can be changed; aliases, compatibility groups,
// field validation and default or overriding metadata and rules are refused, and kept
// where the log has them. There are no tags, exporters, associations and forward mode, and
// no GUIDs, which version 8 has added. Messages about a schema that cannot be parsed end
// with this project's words instead of those of Avro for Java.
package server
