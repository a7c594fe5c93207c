// SPDX-License-Identifier: Apache-2.0

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A sidecar holds the spans of a sealed segment: a magic of 8 bytes with the
// version, the segment's length, the number of spans, the spans, and a CRC-32C
// of all before it. It can always be made again from its segment, so it is not
// synced, and a bad one is ignored.
const (
	sidecarMagic = "cdIdx\x00\x00\x01"
	sidecarHead  = 8 + 8 + 4
	sidecarSpan  = 4 + 8 + 8 + 8 + 4 + 4 + 4 + 1
)

func encodeSidecar(size int64, spans []logSpan) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, sidecarHead+len(spans)*sidecarSpan+4)
	b = append(b, sidecarMagic...)
	b = le.AppendUint64(b, uint64(size))
	b = le.AppendUint32(b, uint32(len(spans)))
	for _, s := range spans {
		b = le.AppendUint32(b, s.log)
		b = le.AppendUint64(b, uint64(s.base))
		b = le.AppendUint64(b, uint64(s.pos))
		b = le.AppendUint64(b, uint64(s.maxTs))
		b = le.AppendUint32(b, s.lastDelta)
		b = le.AppendUint32(b, s.size)
		b = le.AppendUint32(b, s.bytes)
		b = append(b, byte(s.kind))
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeSidecar returns false for anything but the sidecar of a segment of the
// given size.
func decodeSidecar(b []byte, size int64) ([]logSpan, bool) {
	le := binary.LittleEndian
	if len(b) < sidecarHead+4 || string(b[:8]) != sidecarMagic || le.Uint64(b[8:]) != uint64(size) {
		return nil, false
	}
	n := int(le.Uint32(b[16:]))
	if len(b) != sidecarHead+n*sidecarSpan+4 || crc32.Checksum(b[:len(b)-4], castagnoli) != le.Uint32(b[len(b)-4:]) {
		return nil, false
	}
	spans := make([]logSpan, n)
	for i := range spans {
		p := b[sidecarHead+i*sidecarSpan:][:sidecarSpan]
		spans[i] = logSpan{le.Uint32(p), span{
			base: int64(le.Uint64(p[4:])), pos: int64(le.Uint64(p[12:])), maxTs: int64(le.Uint64(p[20:])),
			lastDelta: le.Uint32(p[28:]), size: le.Uint32(p[32:]), bytes: le.Uint32(p[36:]), kind: spanKind(p[40]),
		}}
	}
	return spans, true
}

func writeSidecar(fs FS, g *segment, spans []logSpan) error {
	f, err := fs.Open(g.sidecarPath(), true)
	if err != nil {
		return fmt.Errorf("write sidecar: %w", err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(encodeSidecar(g.size, spans), 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write sidecar %s: %w", g.sidecarPath(), err)
	}
	return nil
}

// readSidecar returns false if there is no usable one.
func readSidecar(fs FS, g *segment) ([]logSpan, bool) {
	f, err := fs.Open(g.sidecarPath(), false)
	if err != nil {
		return nil, false
	}
	size, err := f.Size()
	var b []byte
	if err == nil {
		b = make([]byte, size)
		_, err = f.ReadAt(b, 0)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, false
	}
	return decodeSidecar(b, g.size)
}

// sealedSpans returns the spans of a sealed segment, from its sidecar or else
// from the segment, whose sidecar is then written again.
func sealedSpans(fs FS, g *segment) ([]logSpan, error) {
	if spans, ok := readSidecar(fs, g); ok {
		return spans, nil
	}
	x := newSegmentIndex()
	end, err := g.scan(g.base, x.enter)
	if err != nil {
		return nil, err
	}
	if end != g.base+g.size {
		return nil, &DamageError{File: g.path, Offset: end - g.base, Reason: "a sealed segment has an entry that is not readable"}
	}
	return x.spans, writeSidecar(fs, g, x.spans)
}

// enter enters the batches of an entry, exactly as they were entered when it was
// written.
func (x *segmentIndex) enter(e entry) error {
	size := headerSize + len(e.body)
	switch e.typ {
	case entryAppend:
		b := parseBatch(e.body[4:])
		x.appended(binary.LittleEndian.Uint32(e.body), e.pos, size, b.base, b.last(), b.maxTs, b.size, spanAppend)
	case entryEnd:
		r, err := decodeEnd(e.body)
		if err != nil {
			return fmt.Errorf("decode end entry at %d: %w", e.pos, err)
		}
		for _, p := range r.Parts {
			x.appended(p.Log, e.pos, size, p.Marker, p.Marker, r.Timestamp, markerSize, spanFramed)
		}
	case entryRewrite:
		r, err := decodeRewrite(e.body)
		if err != nil {
			return fmt.Errorf("decode rewrite entry at %d: %w", e.pos, err)
		}
		x.rewritten(r.Log, e.pos+headerSize+rewriteHead, r.Batches)
	}
	return nil
}
