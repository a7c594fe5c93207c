// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/connectd/connectd/connect/backoff"
)

// question is one statement for the incomplete rows of a table.
type question struct {
	q *reselector
	t *tablePlan
	// columns are those that any of the rows lacks.
	columns []int
	// rows are the incomplete rows of each key, by its number; params their keys as arrays.
	rows   [][]int
	params [][]byte
}

// ask completes the rows of one table. Errors that pass by themselves are waited out
// until the end of ctx.
func (q *reselector) ask(ctx context.Context, e *emitter, t *tablePlan) error {
	o := q.question(t)
	if len(o.rows) == 0 {
		return nil
	}
	sql := o.sql(e)
	for q.pauses.reset(); ; {
		err := q.session.do(ctx, func(ctx context.Context, conn *pgconn.PgConn) error {
			q.asked++
			result := conn.ExecParams(ctx, sql, o.params, nil, nil, nil)
			for result.NextRow() {
				o.answer(e, result.Values())
			}
			_, err := result.Close()
			return err
		})
		if err == nil || !passes(err) || ctx.Err() != nil || !backoff.Wait(ctx, q.pauses.next()) {
			return err
		}
	}
}

func (q *reselector) question(t *tablePlan) *question {
	o := &question{q: q, t: t}
	arrays := make([]strings.Builder, len(t.reselectKey))
	numbers := map[string]int{}
	for i := range q.rows {
		in := &q.rows[i]
		if in.plan != t {
			continue
		}
		key := q.keys[in.keys : in.keys+len(t.reselectKey)]
		if slices.ContainsFunc(key, func(k []byte) bool { return k == nil }) {
			continue
		}
		for _, c := range q.columns[in.columns:in.columnsEnd] {
			if !slices.Contains(o.columns, c) {
				o.columns = append(o.columns, c)
			}
		}
		name := fmt.Sprintf("%q", key)
		n, known := numbers[name]
		if !known {
			n = len(o.rows)
			numbers[name] = n
			o.rows = append(o.rows, nil)
			for k := range arrays {
				appendElement(&arrays[k], string(key[k]))
			}
		}
		o.rows[n] = append(o.rows[n], i)
	}
	for k := range arrays {
		o.params = append(o.params, []byte("{"+arrays[k].String()+"}"))
	}
	return o
}

// appendElement adds a text to the text form of an array.
func appendElement(b *strings.Builder, s string) {
	if b.Len() > 0 {
		b.WriteByte(',')
	}
	b.WriteByte('"')
	b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s))
	b.WriteByte('"')
}

// sql finds rows by their keys. A table of the same name that is another one, and rows
// of tables that inherit, do not count.
func (o *question) sql(e *emitter) string {
	var list, names, on, arrays []string
	for _, c := range o.columns {
		list = append(list, "t."+quoteIdent(o.t.described[c].Name))
	}
	for n, k := range o.t.reselectKey {
		key, column := "k.k"+strconv.Itoa(n), "t."+quoteIdent(o.t.described[k].Name)
		if typ := e.relations.planner.types.Type(o.t.described[k].Type); typ != nil {
			key += "::" + quoteIdent(typ.Namespace) + "." + quoteIdent(typ.Name)
		} else {
			column += "::text"
		}
		names, on = append(names, "k"+strconv.Itoa(n)), append(on, column+" = "+key)
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", n+1))
	}
	return fmt.Sprintf(`SELECT k.n, %s FROM unnest(%s) WITH ORDINALITY AS k(%s, n) JOIN %s AS t ON %s
 WHERE pg_catalog.to_regclass(%s)::pg_catalog.oid = %d AND (t.tableoid = %[7]d OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = %[7]d AND relkind = 'p'))`,
		strings.Join(list, ", "), strings.Join(arrays, ", "), strings.Join(names, ", "), o.t.relation.name.sql(), strings.Join(on, " AND "),
		quoteLiteral(o.t.relation.name.sql()), o.t.relation.id)
}

// answer takes one row: the number of its key, and the values. Of several rows with the
// same key the first counts.
func (o *question) answer(e *emitter, values [][]byte) {
	n, err := strconv.Atoi(string(values[0]))
	if err != nil || n < 1 || n > len(o.rows) || o.q.rows[o.rows[n-1][0]].found {
		return
	}
	failed := map[int]bool{}
	for i, c := range o.columns {
		failed[c] = !o.put(e, o.rows[n-1], c, values[i+1])
	}
	for _, i := range o.rows[n-1] {
		in := &o.q.rows[i]
		in.found = true
		mine := o.q.columns[in.columns:in.columnsEnd]
		available(&e.b.Arena, &e.b.Records[in.record], func(name string) bool {
			return slices.ContainsFunc(mine, func(c int) bool { return !failed[c] && o.t.columns[c].plan.Name == name })
		})
	}
}

// put sets a column in all the rows of a key that lack it, and reports whether its value
// could be read.
func (o *question) put(e *emitter, rows []int, c int, data []byte) bool {
	a, col := &e.b.Arena, tupleColumn{Kind: columnNull}
	if data != nil {
		col = tupleColumn{Kind: columnText, Data: data}
	}
	plan := &o.t.columns[c]
	v, err := e.value(a, plan, col)
	if err != nil {
		o.q.log.Warn("a value that was re-selected cannot be read", "table", o.t.name, "error", err)
		return false
	}
	if plan.mask != nil {
		v = plan.mask(a, v)
	}
	for _, i := range rows {
		in := &o.q.rows[i]
		if slices.Contains(o.q.columns[in.columns:in.columnsEnd], c) {
			in.row.Values[plan.field] = v
		}
	}
	return true
}

// keyText is the key of an incomplete row, for messages.
func (q *reselector) keyText(in *incompleteRow) string {
	var parts []string
	for n, k := range in.plan.reselectKey {
		value := "null"
		if key := q.keys[in.keys+n]; key != nil {
			value = string(key)
		}
		parts = append(parts, in.plan.described[k].Name+"="+value)
	}
	return strings.Join(parts, ", ")
}
