// SPDX-License-Identifier: Apache-2.0

// Package file reads lines of files and writes lines to a file.
//
// Source. A task follows one path, or all paths that a pattern matches: each is a
// tail, with a partition of its own. Poll lets every tail read a chunk into the
// batch's arena, straight behind the last line that was read; the chunk is cut into
// lines, and each line becomes a record that aliases it: as a string, as a JSON
// document, or as a line of CSV. What cannot be decoded becomes a record with an
// error. With nothing to read, Poll waits until the system reports a change.
//
// A position names how far a file has been read, in the original's characters and
// in bytes, and which file it was: device, inode and a hash of its first bytes. At
// a start the file is looked for by that identity, so that it is found after it has
// been renamed; its rest is read before the new file under its name. A take-over from
// the original has only the characters: they are counted again.
//
// Sink. Each record is a line. Flush syncs the file, so that an offset is committed
// only when its line is safe. With exactly.once the length of the file is committed
// with the offset, and at a start what lies beyond is cut off.
package file
