// SPDX-License-Identifier: Apache-2.0

// Package pattern reads the lists of Java regular expressions that choose schemas,
// tables, columns and messages, as Debezium 3.7 does: separated by commas, each for a
// whole name, without regard to case.
//
// The expressions run on Go's engine, which never goes back: a match takes time in
// proportion to the length of the name and to the size of the expression, which is
// bounded. What the engine lacks or reads in another way is refused.
package pattern
