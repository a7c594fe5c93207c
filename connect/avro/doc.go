// SPDX-License-Identifier: Apache-2.0

// Package avro holds Avro schemas as texts and as trees.
//
// A text is parsed once (Parse), with the schemas that it refers to, by the rules of
// Avro 1.12; everything after that works on the tree: the registry prints it
// (Schema.String is Java's Schema.toString to the letter, so that texts and therefore
// ids equal the original's), compares versions (compat.go), and the converter compiles
// plans from it. Binary data is not touched here: that is connect/convert/avro.
package avro
