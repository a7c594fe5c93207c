// SPDX-License-Identifier: Apache-2.0

package types

import (
	"context"
	"fmt"
)

// Type is one row of pg_type, with what belongs to it in other tables.
type Type struct {
	OID             uint32
	Namespace, Name string
	// Kind is pg_type.typtype: b base, c composite, d domain, e enum, r range, m multirange,
	// p pseudo.
	Kind byte
	// Category is pg_type.typcategory; A marks arrays.
	Category byte
	// Elem is the element type of an array.
	Elem uint32
	// Delimiter stands between the elements of arrays of this type.
	Delimiter byte
	// Base is the type that a domain is made of, TypMod its modifier (-1 for none), and
	// Dimensions the number of dimensions if the domain is over an array.
	Base       uint32
	TypMod     int32
	Dimensions int
	// Labels are the labels of an enum in their sort order.
	Labels []string
	// Fields are the fields of a composite type in order.
	Fields []Field
}

// Field is one field of a composite type.
type Field struct {
	Name   string
	OID    uint32
	TypMod int32
}

// Catalog knows the types of one database. It is immutable: after a change of types Load
// makes another.
type Catalog struct{ types map[uint32]*Type }

// NewCatalog makes a catalog of these types. The labels and fields are not copied.
func NewCatalog(all []Type) *Catalog {
	c := &Catalog{types: make(map[uint32]*Type, len(all))}
	for i := range all {
		c.types[all[i].OID] = &all[i]
	}
	return c
}

// Type returns a type by its OID, and nil if the catalog does not know it.
func (c *Catalog) Type(oid uint32) *Type { return c.types[oid] }

// Len returns the number of types.
func (c *Catalog) Len() int { return len(c.types) }

// The queries of Load. Row types of tables are left out unless a column is made of them:
// there may be many.
const (
	typesSQL = `select t.oid::bigint, n.nspname::text, t.typname::text, t.typtype::text, t.typcategory::text,
 t.typelem::bigint, coalesce(e.typdelim, t.typdelim)::text, t.typbasetype::bigint, t.typtypmod, t.typndims
 from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
 left join pg_catalog.pg_type e on e.oid = t.typelem and t.typcategory = 'A'
 left join pg_catalog.pg_class c on c.oid = coalesce(nullif(t.typrelid, 0), e.typrelid)
 where c.relkind is null or c.relkind = 'c'
 or t.oid in (select atttypid from pg_catalog.pg_attribute where attnum > 0)
 or t.typarray in (select atttypid from pg_catalog.pg_attribute where attnum > 0)
 order by 1`
	labelsSQL = `select enumtypid::bigint, enumlabel::text from pg_catalog.pg_enum order by enumtypid, enumsortorder`
	fieldsSQL = `select c.reltype::bigint, a.attname::text, a.atttypid::bigint, a.atttypmod
 from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
 where a.attnum > 0 and not a.attisdropped and (c.relkind = 'c' or c.reltype in
 (select atttypid from pg_catalog.pg_attribute where attnum > 0)) order by a.attrelid, a.attnum`
)

// ColumnsSQL selects what Plan wants to know of the columns of a table, in their order: name,
// type, modifier, whether null is forbidden, the declared dimensions, the default
// expression (null for none), whether the column is generated, and whether it is an identity.
// $1 is the OID of the table. The session must run with Settings, as defaults are shown by
// them, on a server of version 12 or later.
const ColumnsSQL = `select a.attname::text, a.atttypid::bigint, a.atttypmod, a.attnotnull, a.attndims::int,
 case when a.attgenerated = '' then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end, a.attgenerated <> '', a.attidentity <> ''
 from pg_catalog.pg_attribute a left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`

// Rows is the result of a query; pgx.Rows is one.
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// Query runs a query on one session.
type Query func(ctx context.Context, sql string, args ...any) (Rows, error)

// Load reads the types of a database.
func Load(ctx context.Context, query Query) (*Catalog, error) {
	var all []Type
	err := each(ctx, query, typesSQL, nil, func(rows Rows) error {
		var oid, elem, base int64
		var kind, category, delimiter string
		t := Type{}
		if err := rows.Scan(&oid, &t.Namespace, &t.Name, &kind, &category, &elem, &delimiter, &base, &t.TypMod, &t.Dimensions); err != nil {
			return err
		}
		t.OID, t.Elem, t.Base = uint32(oid), uint32(elem), uint32(base)
		t.Kind, t.Category, t.Delimiter = first(kind), first(category), first(delimiter)
		all = append(all, t)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read types: %w", err)
	}
	c := NewCatalog(all)
	if err := each(ctx, query, labelsSQL, nil, c.scanLabel); err != nil {
		return nil, fmt.Errorf("read enum labels: %w", err)
	}
	if err := each(ctx, query, fieldsSQL, nil, c.scanField); err != nil {
		return nil, fmt.Errorf("read fields of composite types: %w", err)
	}
	return c, nil
}

func (c *Catalog) scanLabel(rows Rows) error {
	var oid int64
	var label string
	if err := rows.Scan(&oid, &label); err != nil {
		return err
	}
	if t := c.types[uint32(oid)]; t != nil {
		t.Labels = append(t.Labels, label)
	}
	return nil
}

func (c *Catalog) scanField(rows Rows) error {
	var oid, typ int64
	f := Field{}
	if err := rows.Scan(&oid, &f.Name, &typ, &f.TypMod); err != nil {
		return err
	}
	f.OID = uint32(typ)
	if t := c.types[uint32(oid)]; t != nil {
		t.Fields = append(t.Fields, f)
	}
	return nil
}

// LoadColumns reads the columns of a table in their order. The source-type parameters are
// not asked for; see Column.SourceType.
func LoadColumns(ctx context.Context, query Query, table uint32) ([]Column, error) {
	var all []Column
	err := each(ctx, query, ColumnsSQL, []any{table}, func(rows Rows) error {
		var oid int64
		var expr *string
		c := Column{}
		if err := rows.Scan(&c.Name, &oid, &c.TypMod, &c.NotNull, &c.Dimensions, &expr, &c.Generated, &c.Identity); err != nil {
			return err
		}
		if c.Type = uint32(oid); expr != nil {
			c.Default = *expr
		}
		all = append(all, c)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	return all, nil
}

func each(ctx context.Context, query Query, sql string, args []any, row func(Rows) error) error {
	rows, err := query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func first(s string) byte {
	if s == "" {
		return 0
	}
	return s[0]
}
