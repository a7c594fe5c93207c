// SPDX-License-Identifier: Apache-2.0

// Package applyschema holds the transform ApplySchema: it gives values without a
// schema, such as JSON lines or rows of a CSV file, a declared Avro schema.
//
// The schema is read once, when the step is made, and compiled into a tree of steps
// (plan.go), one for each part of the schema. A record's value is walked along that
// tree: missing fields get their default, values are converted where nothing is lost
// (scalar.go, moments.go), and everything else is a record error that names the field,
// the value and the type that was expected. Nothing is dropped in silence.
package applyschema
