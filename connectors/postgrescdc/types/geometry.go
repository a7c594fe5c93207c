// SPDX-License-Identifier: Apache-2.0

package types

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/connectd/connectd/connect"
)

const geometryPackage = "io.debezium.data.geometry."

// geometricForm is the form of the server's own geometric types.
func geometricForm(oid uint32) (form, bool) {
	var f form
	switch oid {
	case oidPoint:
		f = structForm(pointSchema(), func(s *connect.Schema) decoder { return point{schema: s} })
	case oidBox:
		f = shapeForm(shape{kind: "box"})
	case oidLseg:
		f = shapeForm(shape{kind: "lseg"})
	case oidPath:
		f = shapeForm(shape{kind: "path"})
	case oidPolygon:
		f = shapeForm(shape{kind: "polygon"})
	case oidCircle:
		f = structForm(connect.NewStruct(geometryPackage+"Circle").Version(1).Doc("Geometry (CIRCLE)").
			Field("center", pointSchema().MustBuild()).Field("radius", connect.Float64Schema),
			func(s *connect.Schema) decoder { return circle{schema: s} })
	case oidLine:
		f = structForm(connect.NewStruct(geometryPackage+"Line").Version(1).Doc("Geometry (LINE)").
			Field("a", connect.Float64Schema).Field("b", connect.Float64Schema).Field("c", connect.Float64Schema),
			func(s *connect.Schema) decoder { return line{schema: s} })
	default:
		return f, false
	}
	f.hasBinary, f.nullable = false, oid != oidPoint
	return f, true
}

func pointSchema() *connect.Builder {
	return connect.NewStruct(geometryPackage+"Point").Version(1).Doc("Geometry (POINT)").
		Field("x", connect.Float64Schema).Field("y", connect.Float64Schema).
		Field("wkb", connect.OptionalBytesSchema).Field("srid", connect.OptionalInt32Schema)
}

// geometrySchema is version 2, whose extensions name the type that a shape had.
func geometrySchema() *connect.Builder {
	return connect.NewStruct(geometryPackage+"Geometry").Version(2).Doc("Geometry").
		Field("wkb", connect.BytesSchema).Field("srid", connect.OptionalInt32Schema).
		Field("extensions", connect.NewMap(connect.StringSchema, connect.StringSchema).Optional().MustBuild())
}

func geographySchema() *connect.Builder {
	return connect.NewStruct(geometryPackage+"Geography").Version(1).Doc("Geography").
		Field("wkb", connect.BytesSchema).Field("srid", connect.OptionalInt32Schema)
}

func shapeForm(d shape) form {
	return structForm(geometrySchema(), func(s *connect.Schema) decoder {
		d.schema = s
		return d
	})
}

// noBinary is the binary side of decoders that read text only.
type noBinary struct{}

func (noBinary) binary(*connect.Arena, []byte) (connect.Value, error) {
	return connect.Null(), errNoBinary
}

// Codes of WKB, little endian.
const (
	wkbPoint      = 1
	wkbLineString = 2
	wkbPolygon    = 3
)

func appendWKBHead(dst []byte, kind uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, 1), kind)
}

func appendWKBPoint(dst []byte, x, y float64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(y))
}

// numbers are the coordinates of a geometric text: how they are grouped is known by the type.
type numbers struct {
	rest []byte
	err  error
}

// next returns the next coordinate, past brackets and commas.
func (n *numbers) next() float64 {
	start := 0
	for start < len(n.rest) && bytes.IndexByte([]byte("()[]<>{},"), n.rest[start]) >= 0 {
		start++
	}
	end := start
	for end < len(n.rest) && bytes.IndexByte([]byte("()[]<>{},"), n.rest[end]) < 0 {
		end++
	}
	f, err := parseFloat(n.rest[start:end], 64)
	if err != nil && n.err == nil {
		n.err = err
	}
	n.rest = n.rest[end:]
	return f
}

// done reports an error, or coordinates that are too many.
func (n *numbers) done() error {
	if n.err != nil {
		return n.err
	}
	for _, c := range n.rest {
		if c != ')' && c != ']' && c != '>' && c != '}' {
			return errTrailing
		}
	}
	return nil
}

// point reads (x,y).
type point struct {
	noBinary
	schema *connect.Schema
}

func (d point) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n := numbers{rest: data}
	x, y := n.next(), n.next()
	if err := n.done(); err != nil {
		return connect.Null(), err
	}
	return newPoint(a, d.schema, x, y), nil
}

func newPoint(a *connect.Arena, s *connect.Schema, x, y float64) connect.Value {
	st := a.Struct(s)
	st.Values[0], st.Values[1] = connect.Float64(x), connect.Float64(y)
	st.Values[2] = connect.Bytes(appendWKBPoint(appendWKBHead(a.Bytes(21)[:0], wkbPoint), x, y))
	return connect.StructValue(st)
}

// circle reads <(x,y),r>.
type circle struct {
	noBinary
	schema *connect.Schema
}

func (d circle) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n := numbers{rest: data}
	x, y, radius := n.next(), n.next(), n.next()
	if err := n.done(); err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	st.Values[0] = newPoint(a, d.schema.Fields()[0].Schema, x, y)
	st.Values[1] = connect.Float64(radius)
	return connect.StructValue(st), nil
}

// line reads {a,b,c}.
type line struct {
	noBinary
	schema *connect.Schema
}

func (d line) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n := numbers{rest: data}
	st := a.Struct(d.schema)
	for i := range st.Values {
		st.Values[i] = connect.Float64(n.next())
	}
	if err := n.done(); err != nil {
		return connect.Null(), err
	}
	return connect.StructValue(st), nil
}

// shape reads box, lseg, path and polygon into WKB.
type shape struct {
	noBinary
	schema *connect.Schema
	kind   string
}

// corners is the number of points of a text, by its commas: one within each, one between two.
func corners(data []byte) int { return max((bytes.Count(data, []byte(","))+1)/2, 1) }

func (d shape) text(a *connect.Arena, data []byte) (connect.Value, error) {
	n := numbers{rest: data}
	var wkb []byte
	switch d.kind {
	case "box":
		wkb = boxWKB(a, &n)
	case "polygon":
		wkb = polygonWKB(a, &n, corners(data))
	default:
		wkb = lineWKB(a, &n, corners(data))
	}
	if err := n.done(); err != nil {
		return connect.Null(), err
	}
	st := a.Struct(d.schema)
	st.Values[0] = connect.Bytes(wkb)
	st.Values[2] = d.extensions(a, data)
	return connect.StructValue(st), nil
}

// extensions name the type; of a path also whether it is closed, as WKB cannot say it.
func (d shape) extensions(a *connect.Arena, data []byte) connect.Value {
	entries := a.Entries(2)
	entries[0] = connect.MapEntry{Key: connect.String("type"), Value: connect.String(d.kind)}
	if d.kind != "path" {
		return connect.Map(entries[:1])
	}
	closed := "true"
	if data[0] == '[' {
		closed = "false"
	}
	entries[1] = connect.MapEntry{Key: connect.String("closed"), Value: connect.String(closed)}
	return connect.Map(entries)
}

// boxWKB is the ring of a box, from the first corner by way of the second's height.
func boxWKB(a *connect.Arena, n *numbers) []byte {
	x1, y1, x2, y2 := n.next(), n.next(), n.next(), n.next()
	out := appendWKBHead(a.Bytes(93)[:0], wkbPolygon)
	out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, 1), 5)
	for _, p := range [...][2]float64{{x1, y1}, {x1, y2}, {x2, y2}, {x2, y1}, {x1, y1}} {
		out = appendWKBPoint(out, p[0], p[1])
	}
	return out
}

func lineWKB(a *connect.Arena, n *numbers, points int) []byte {
	out := appendWKBHead(a.Bytes(9 + 16*points)[:0], wkbLineString)
	out = binary.LittleEndian.AppendUint32(out, uint32(points))
	for range points {
		x, y := n.next(), n.next()
		out = appendWKBPoint(out, x, y)
	}
	return out
}

// polygonWKB closes the ring if its last point is not its first.
func polygonWKB(a *connect.Arena, n *numbers, points int) []byte {
	out := appendWKBHead(a.Bytes(13 + 16*(points+1))[:0], wkbPolygon)
	out = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(out, 1), uint32(points))
	ring := len(out)
	for range points {
		x, y := n.next(), n.next()
		out = appendWKBPoint(out, x, y)
	}
	if points > 1 && !bytes.Equal(out[ring:ring+16], out[len(out)-16:]) {
		out = append(out, out[ring:ring+16]...)
		binary.LittleEndian.PutUint32(out[ring-4:], uint32(points+1))
	}
	return out
}
