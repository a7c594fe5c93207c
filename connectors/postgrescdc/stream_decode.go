// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/connectd/connectd/connect"
)

// tupleColumn is one column of a tuple; Data aliases the message.
type tupleColumn struct {
	Kind byte
	Data []byte
}

// postgresEpoch is 2000-01-01 in microseconds since 1970.
const postgresEpoch = 946684800 * 1000000

// decoder reads messages of the output plugin and hands them to an emitter.
type decoder struct {
	e             *emitter
	before, after []tupleColumn
}

// message handles one message of the stream.
func (d *decoder) message(ctx context.Context, at lsn, data []byte) error {
	c := &cursor{b: data, message: data[0]}
	c.skip(1)
	err := d.dispatch(ctx, c, at, data)
	if c.failed {
		return fmt.Errorf("read message %q at %s: it has %d bytes, and is cut off", data[0], at, len(data))
	}
	return err
}

func (d *decoder) dispatch(ctx context.Context, c *cursor, at lsn, data []byte) error {
	e := d.e
	switch data[0] {
	case 'B':
		commit, micros, xid := lsn(c.uint64()), int64(c.uint64())+postgresEpoch, c.uint32()
		e.begin(commit, micros, xid)
		if e.s.Format.Transactions && !e.tx.skip {
			e.transactionBegin(at)
		}
		return nil
	case 'C':
		c.skip(1 + 8)
		return e.commit(lsn(c.uint64()), at)
	case 'O':
		e.tx.originLSN = connect.Int64(int64(c.uint64()))
		e.tx.origin = connect.String(c.string())
		return nil
	case 'R':
		return d.relation(ctx, c)
	case 'Y':
		return nil
	case 'I', 'U', 'D':
		if e.tx.skip {
			return nil
		}
		return d.row(ctx, c, at, data)
	case 'T':
		if e.tx.skip {
			return nil
		}
		return d.truncate(c, at)
	case 'M':
		return d.logical(c, at)
	}
	return fmt.Errorf("read stream: unknown message %q at %s", data[0], at)
}

func (d *decoder) relation(ctx context.Context, c *cursor) error {
	r := relation{id: c.uint32()}
	r.name.schema, r.name.table = c.string(), c.string()
	if r.name.schema == "" {
		r.name.schema = "pg_catalog"
	}
	r.identity = c.byte()
	r.columns = make([]relationColumn, c.count())
	for i := range r.columns {
		k := &r.columns[i]
		k.identity = c.byte()&1 != 0
		k.name, k.typ, k.typmod = c.string(), c.uint32(), int32(c.uint32())
	}
	if c.failed {
		return nil
	}
	return d.e.relations.see(ctx, r)
}

func (d *decoder) row(ctx context.Context, c *cursor, at lsn, data []byte) error {
	ev := rowEvent{relation: c.uint32(), raw: data}
	kind := c.byte()
	if kind == 'K' || kind == 'O' {
		d.before = c.tuple(d.before)
		ev.before, ev.full = d.before, kind == 'O'
		if data[0] == 'U' {
			kind = c.byte()
		}
	}
	if kind == 'N' {
		d.after = c.tuple(d.after)
		ev.after = d.after
	}
	if c.failed {
		return nil
	}
	what := changeInsert
	switch data[0] {
	case 'U':
		what = changeUpdate
	case 'D':
		what = changeDelete
	}
	return d.e.row(ctx, what, at, &ev)
}

func (d *decoder) truncate(c *cursor, at lsn) error {
	n := int(c.uint32())
	c.skip(1)
	for range n {
		id := c.uint32()
		if c.failed {
			return nil
		}
		if err := d.e.truncate(id, at); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) logical(c *cursor, frame lsn) error {
	transactional := c.byte()&1 != 0
	at := lsn(c.uint64())
	prefix := c.until()
	data := c.take(int(c.uint32()))
	if c.failed || transactional && d.e.tx.skip {
		return nil
	}
	_ = frame
	d.e.message(transactional, at, prefix, data)
	return nil
}

// cursor reads a message; behind its end it gives zeros and remembers the failure.
type cursor struct {
	b       []byte
	message byte
	failed  bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.failed, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) skip(n int) { c.take(n) }

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// count reads a number of columns, each of which takes a byte at least.
func (c *cursor) count() int {
	b := c.take(2)
	if b == nil {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(c.b) {
		c.failed = true
		return 0
	}
	return n
}

func (c *cursor) until() []byte {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.failed = true
		return nil
	}
	out := c.b[:i]
	c.b = c.b[i+1:]
	return out
}

func (c *cursor) string() string { return string(c.until()) }

func (c *cursor) tuple(into []tupleColumn) []tupleColumn {
	into = into[:0]
	for range c.count() {
		col := tupleColumn{Kind: c.byte()}
		if col.Kind == columnText || col.Kind == columnBinary {
			col.Data = c.take(int(c.uint32()))
		}
		into = append(into, col)
	}
	return into
}
