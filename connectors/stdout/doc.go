// SPDX-License-Identifier: Apache-2.0

// Package stdout prints records, one line each: to look at a topic, or to give it to
// another program through a pipe.
//
// A batch is formatted into one buffer and written at once, so that the lines of
// several tasks do not mix. What has been written is done: Flush has nothing to do, and
// after a failure records may be printed again.
package stdout
