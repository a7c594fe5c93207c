// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
)

// loadSnapshot reads the table's file into a store.
func (t *Table) loadSnapshot() (store, position, error) {
	f, err := os.Open(t.path(snapshotEnding))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, position{}, errNoLocal
	}
	if err != nil {
		return nil, position{}, fmt.Errorf("%w: %w", errLocal, err)
	}
	defer f.Close()
	s := newMemoryStore(t.tables.hasher, t.ordered)
	known, err := readSnapshot(bufio.NewReaderSize(f, 2*frameBytes), s, t.label())
	if err != nil {
		return nil, position{}, fmt.Errorf("%w: read %s: %w", errLocal, f.Name(), err)
	}
	s.written = s.pos.commits
	return s, known, nil
}

// readSnapshot fills a store. It returns the position of the footer.
func readSnapshot(r io.Reader, s *memoryStore, want label) (known position, err error) {
	var magic [len(snapshotMagic)]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return known, err
	}
	if string(magic[:]) != snapshotMagic {
		return known, errors.New("it does not begin as a snapshot")
	}
	in := snapshotReader{r: r}
	var h snapshotHeader
	if err := in.json(frameHeader, &h); err != nil {
		return known, err
	}
	if err := h.Label.check(want); err != nil {
		return known, err
	}
	if s.pos, err = h.Position.position(); err != nil {
		return known, err
	}
	for {
		content, err := in.next()
		if err != nil {
			return known, err
		}
		if content[0] == frameEntries {
			if err := s.load(content[1:]); err != nil {
				return known, err
			}
			continue
		}
		return in.footer(content)
	}
}

// load puts the entries of a frame into the store.
func (s *memoryStore) load(b []byte) error {
	for len(b) > 0 {
		key, rest, ok := cutBytes(b)
		if !ok {
			return errors.New("an entry is cut")
		}
		value, rest, ok := cutBytes(rest)
		if !ok {
			return errors.New("an entry is cut")
		}
		if err := checkKey(key); err != nil {
			return err
		}
		s.put(key, value)
		b = rest
	}
	return nil
}

func cutBytes(b []byte) (head, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}

// snapshotReader reads the frames of a file.
type snapshotReader struct {
	r      io.Reader
	frames int
	buf    bytes.Buffer
}

// next returns the content of the next frame, which is at least one byte long and
// valid until the next call.
func (r *snapshotReader) next() ([]byte, error) {
	var h [frameHead]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return nil, fmt.Errorf("read frame %d: %w", r.frames, err)
	}
	n := int64(binary.LittleEndian.Uint32(h[:]))
	// The length is not trusted: memory grows with what is really there.
	r.buf.Reset()
	if _, err := io.CopyN(&r.buf, r.r, n); err != nil {
		return nil, fmt.Errorf("read frame %d: %w", r.frames, err)
	}
	b := r.buf.Bytes()
	if n == 0 || crc32.Checksum(b, castagnoli) != binary.LittleEndian.Uint32(h[4:]) {
		return nil, fmt.Errorf("frame %d is damaged", r.frames)
	}
	r.frames++
	return b, nil
}

func (r *snapshotReader) json(kind byte, v any) error {
	content, err := r.next()
	if err != nil {
		return err
	}
	if content[0] != kind {
		return fmt.Errorf("frame %d is of kind %q", r.frames-1, content[0])
	}
	return json.Unmarshal(content[1:], v)
}

// footer reads the last frame; nothing may follow it.
func (r *snapshotReader) footer(content []byte) (known position, err error) {
	var f snapshotFooter
	if content[0] != frameFooter {
		return known, fmt.Errorf("frame %d is of kind %q", r.frames-1, content[0])
	}
	if err := json.Unmarshal(content[1:], &f); err != nil {
		return known, err
	}
	if f.Frames != r.frames-1 {
		return known, fmt.Errorf("%d frames of %d", r.frames-1, f.Frames)
	}
	if n, _ := io.Copy(io.Discard, r.r); n != 0 {
		return known, fmt.Errorf("%d bytes follow the end", n)
	}
	return f.Position.position()
}
