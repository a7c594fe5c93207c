// SPDX-License-Identifier: Apache-2.0

// Package convert turns the bytes of a topic into values and back.
//
// A record that comes from a topic meets a converter first: its key, its value
// and each header are bytes, and ToConnect makes a value of them that aliases the
// bytes and the batch's arena. A record that goes to a topic meets one last:
// FromConnect appends its bytes to the buffer of the batch. Between the two, a value
// that no transform touched is still the one that was decoded, and its bytes pass
// without being made again.
//
// The converters are those of Kafka Connect, to the byte: JsonConverter with its
// envelope of schema and payload, StringConverter, ByteArrayConverter, the
// converters of numbers, and SimpleHeaderConverter with its guess at the type of a
// text. Where the original loses data silently (integers beyond 64 bits, a payload
// that contradicts its schema), the value is kept exactly or refused.
//
// ParseJSON and AppendJSON, the two halves of the schemaless JsonConverter, are
// exported for connectors that read and write lines of JSON.
package convert
