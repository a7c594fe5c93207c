// SPDX-License-Identifier: Apache-2.0

// Package stored is the binary form in which stateful transforms keep values in
// their state.
//
// A value comes from a record or from an expression, is appended to a state entry
// (Append), goes with it through changelog and store, and is read back into the
// arena of a later batch (Read). One tag byte says what it is; integers are zigzag
// varints, text has its length before it. Schemas are not kept: a struct comes back
// as the ordered map of its fields.
//
// The bytes outlive the program that wrote them. They are pinned by golden files;
// each transform puts a version of its own before them.
package stored
