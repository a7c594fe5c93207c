// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// hiddenKey stands for the value of a key column that is masked or left out of values.
const hiddenKey = "<hidden>"

// told is a key as notifications show it.
func (c *chunkRows) told(key []string) []string {
	out := slices.Clone(key)
	for i := range out {
		if c.hidden[i] {
			out[i] = hiddenKey
		}
	}
	return out
}

// rows is how many rows of the table are done behind the chunk.
func (w *chunkWindow) rows() int64 { return w.left.Rows + int64(len(w.got.keys)) }

// progress is the data of a notification on a chunk of that many rows. As the number of all
// rows may be an estimate, the index of the chunk does not go beyond that of the last.
func (w *chunkWindow) progress(size int) [][2]string {
	c := w.got
	data := [][2]string{
		w.left.collections(), {dataCurrent, w.left.Tables[0].Name},
		{dataMaximum, strings.Join(c.maximum, ",")}, {dataLast, strings.Join(c.told(c.last), ",")},
	}
	if c.total == 0 {
		return data
	}
	chunks := func(rows int64) int64 { return (rows + int64(size) - 1) / int64(size) }
	parts := chunks(c.total)
	return append(data, [2]string{dataTotal, strconv.FormatInt(c.total, 10)}, [2]string{dataParts, strconv.FormatInt(parts, 10)},
		[2]string{dataPart, strconv.FormatInt(min(chunks(w.rows()), parts), 10)})
}

// totals is how many rows the table has, if that is known, and told with a status.
func (c *chunkRows) totals(status string) [][2]string {
	if c.total == 0 || status != statusSucceeded {
		return nil
	}
	return [][2]string{{dataTotal, strconv.FormatInt(c.total, 10)}}
}

// measure looks up the largest key of a table and how many rows it has, at its first chunk.
func (r *chunkReader) measure(ctx context.Context, c *chunkRows, t capturedTable, n *incremental) error {
	if !r.s.Notices.on() || n.Tables[0].Begun {
		return nil
	}
	keys := make([]string, len(c.plan.chunkKey))
	c.hidden = make([]bool, len(keys))
	for i, k := range c.plan.chunkKey {
		col := &c.plan.columns[k]
		keys[i], c.hidden[i] = quoteIdent(c.plan.described[k].Name), col.mask != nil || col.field < 0 && col.key < 0
	}
	if c.maximum, c.total = n.Maximum, n.Total; c.maximum != nil {
		return nil
	}
	conditions := c.published.conditions()
	if f := n.Tables[0].Filter; f != "" {
		conditions = append(conditions, "("+f+")")
	}
	from := " FROM " + t.source()
	if len(conditions) > 0 {
		from += " WHERE " + strings.Join(conditions, " AND ")
	}
	rows, err := rowsOf(ctx, r.conn.PgConn(), "SELECT "+strings.Join(keys, ", ")+from+" ORDER BY "+strings.Join(keys, " DESC, ")+" DESC LIMIT 1")
	if err != nil || len(rows) == 0 {
		return wrap("look up the largest key of "+t.name.String(), err)
	}
	largest := make([]string, len(keys))
	for i := range keys {
		largest[i] = rows[0].text(i)
	}
	c.maximum = c.told(largest)
	if c.total = t.rows; c.total > 0 && len(conditions) == 0 {
		return nil
	}
	c.total, err = r.count(ctx, t, from)
	return err
}

// count returns how many rows a table has in the snapshot of the transaction, 0 if the server
// does not tell: notifications do without, and the savepoint keeps the transaction usable.
func (r *chunkReader) count(ctx context.Context, t capturedTable, from string) (int64, error) {
	conn := r.conn.PgConn()
	err := run(ctx, conn, "SAVEPOINT counting")
	if err != nil {
		return 0, wrap("count the rows of "+t.name.String(), err)
	}
	rows, err := rowsOf(ctx, conn, "SELECT count(*)"+from)
	if err == nil {
		return rows[0].number(0), nil
	}
	if err := run(ctx, conn, "ROLLBACK TO SAVEPOINT counting"); err != nil {
		return 0, wrap("count the rows of "+t.name.String(), err)
	}
	r.log.Warn("the rows of a table cannot be counted; notifications on its incremental snapshot do not say how many there are", "table", t.name.String(), "error", err)
	return 0, nil
}
