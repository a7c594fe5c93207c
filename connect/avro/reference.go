// SPDX-License-Identifier: Apache-2.0

package avro

// Reference names a schema that another one uses: Name is the full name by which its
// text refers to it, Subject and Version say where it is registered. Version counts
// from 1; -1 stands for the latest.
type Reference struct {
	Name    string
	Subject string
	Version int
}
