// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// A snapshot file is a magic number and frames: the length of the content, its
// CRC-32C, the content. The first byte of the content is the kind of frame: a header,
// entries, and at last a footer.
const (
	snapshotMagic  = "cdstate\x01"
	frameHead      = 8
	frameHeader    = 'h'
	frameEntries   = 'e'
	frameFooter    = 'f'
	frameBytes     = 64 << 10
	snapshotEnding = "snapshot"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// filePosition is a position as local files hold it.
type filePosition struct {
	Head  []byte `json:"head"`
	Owner uint64 `json:"owner"`
	Last  int64  `json:"last"`
	At    int64  `json:"at"`
}

func (p position) file() filePosition {
	return filePosition{Head: p.head.encode(), Owner: p.owner, Last: p.last, At: p.at}
}

func (f filePosition) position() (position, error) {
	h, err := decodeHead(f.Head)
	return position{head: h, owner: f.Owner, last: f.Last, at: f.At}, err
}

// snapshotHeader begins a snapshot. Its position is that of the store when writing
// began: what the entries hold beyond it, the changelog repeats.
type snapshotHeader struct {
	Label    label        `json:"label"`
	Position filePosition `json:"position"`
}

// snapshotFooter ends a snapshot. Its position is that of the store when writing ended.
type snapshotFooter struct {
	Frames   int          `json:"frames"`
	Position filePosition `json:"position"`
}

// snapshotWriter writes the frames of a file.
type snapshotWriter struct {
	w      *bufio.Writer
	frames int
}

func (w *snapshotWriter) frame(content []byte) error {
	var h [frameHead]byte
	binary.LittleEndian.PutUint32(h[:], uint32(len(content)))
	binary.LittleEndian.PutUint32(h[4:], crc32.Checksum(content, castagnoli))
	w.frames++
	if _, err := w.w.Write(h[:]); err != nil {
		return err
	}
	_, err := w.w.Write(content)
	return err
}

func (w *snapshotWriter) json(kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.frame(append([]byte{kind}, b...))
}

// writeSnapshot writes the table's store to its file: to a file beside it that then
// takes its place. The tables' lock is held for moments only, so the road goes on; what
// it applies meanwhile may be in the file or not. It returns how many commits are in
// the file for certain.
func (t *Table) writeSnapshot(ctx context.Context, s *memoryStore) (commits uint64, err error) {
	path := t.path(snapshotEnding)
	fresh := path + ".new"
	commits, err = t.writeFile(ctx, s, fresh)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		os.Remove(fresh) // what is left of it does no harm
	}
	return commits, err
}

func (t *Table) writeFile(ctx context.Context, s *memoryStore, path string) (commits uint64, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	commits, err = t.writeFrames(ctx, s, f)
	if err == nil {
		err = f.Sync()
	}
	return commits, errors.Join(err, f.Close())
}

func (t *Table) writeFrames(ctx context.Context, s *memoryStore, f io.Writer) (commits uint64, err error) {
	w := &snapshotWriter{w: bufio.NewWriterSize(f, 2*frameBytes)}
	if _, err := w.w.WriteString(snapshotMagic); err != nil {
		return 0, err
	}
	begin := t.committedPosition(s)
	if err := w.json(frameHeader, snapshotHeader{t.label(), begin.file()}); err != nil {
		return 0, err
	}
	if err := t.writeEntries(ctx, s, w); err != nil {
		return 0, err
	}
	end := t.committedPosition(s)
	end.at = t.tables.now()
	if err := w.json(frameFooter, snapshotFooter{w.frames, end.file()}); err != nil {
		return 0, err
	}
	return begin.commits, w.w.Flush()
}

func (t *Table) committedPosition(s *memoryStore) position {
	t.tables.mu.RLock()
	defer t.tables.mu.RUnlock()
	return s.pos
}

// writeEntries writes all entries, and lets the store change after each frame.
func (t *Table) writeEntries(ctx context.Context, s *memoryStore, w *snapshotWriter) error {
	buf := make([]byte, 0, frameBytes+frameBytes/8)
	for next, done := uint64(0), false; !done; {
		buf = append(buf[:0], frameEntries)
		t.tables.mu.RLock()
		next, done = s.data.index.walk(next, func(k ref) bool {
			buf = appendEntry(buf, s.data.keyAt(k), s.data.valueAt(s.data.value(k)))
			return len(buf) < frameBytes
		})
		t.tables.mu.RUnlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(buf) == 1 {
			continue
		}
		if err := w.frame(buf); err != nil {
			return err
		}
	}
	return nil
}

func appendEntry(b, key, value []byte) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	return append(binary.AppendUvarint(b, uint64(len(value))), value...)
}

// syncDir makes a rename in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
