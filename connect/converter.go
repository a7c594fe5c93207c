// SPDX-License-Identifier: Apache-2.0

package connect

// Converter turns values into the bytes of a topic and back. Each task has its
// own instances for key and value, and calls them from one goroutine.
type Converter interface {
	// FromConnect appends the bytes of v to dst. null reports that the record has no
	// bytes at all (a tombstone); dst is then returned as it was. A nil schema means
	// schemaless.
	FromConnect(dst []byte, topic string, s *Schema, v Value) (out []byte, null bool, err error)
	// ToConnect makes a value of the bytes of a topic; nil is null. The value may
	// alias data and the arena.
	ToConnect(a *Arena, topic string, data []byte) (*Schema, Value, error)
}

// HeaderConverter is a Converter for headers, which know their key.
type HeaderConverter interface {
	FromConnectHeader(dst []byte, topic, key string, s *Schema, v Value) (out []byte, null bool, err error)
	ToConnectHeader(a *Arena, topic, key string, data []byte) (*Schema, Value, error)
}
