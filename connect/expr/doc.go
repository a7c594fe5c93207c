// SPDX-License-Identifier: Apache-2.0

// Package expr is the expression language of transforms.
//
// An expression begins as a text in a configuration. Compile has it parsed by
// expr-lang/expr, resolves its names, refuses what would not give the same answer
// twice, and turns the tree into closures. Its constant parts are worked out there,
// so that a mistake in them is found when the connector is validated, not at the
// first record. A step compiles its expressions once, and evaluates them for each
// record.
//
// Evaluation works on connect.Value directly. The machine of expr-lang would need
// the record as maps of boxed values; it wraps around when an integer overflows,
// knows no decimals, and loses the order of a map. Here a field is read where it
// lies, integers stay int64 or are refused, decimals are exact, and maps keep the
// order that was written. What an expression may use is bounded: steps and bytes for
// each evaluation.
//
// README.md beside this file is the manual of the language.
package expr
