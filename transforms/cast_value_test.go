// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"math"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func decimal(t testing.TB, text string) connect.Value {
	t.Helper()
	d, err := connect.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return connect.DecimalValue(d)
}

func TestCastValues(t *testing.T) {
	const bad = "error"
	cases := []struct {
		in   connect.Value
		to   connect.Type
		want string
	}{
		{connect.Int64(2147483648), connect.TypeInt32, "-2147483648"}, {connect.Int64(-129), connect.TypeInt8, "127"},
		{connect.Float64(1e300), connect.TypeInt32, "2147483647"}, {connect.Float64(1e300), connect.TypeInt16, "-1"}, {connect.Float64(-1e300), connect.TypeInt64, "-9223372036854775808"},
		{connect.Float64(math.NaN()), connect.TypeInt64, "0"}, {connect.Float64(-3.9), connect.TypeInt8, "-3"}, {connect.Float32(1.5), connect.TypeFloat64, "1.5"},
		{connect.Float64(0.4), connect.TypeBoolean, "false"}, {connect.Int8(-1), connect.TypeBoolean, "true"}, {connect.Bool(true), connect.TypeInt16, "1"},
		{connect.Bool(false), connect.TypeFloat32, "0"}, {connect.Bool(true), connect.TypeString, `"true"`},
		{connect.String("+12"), connect.TypeInt8, "12"}, {connect.String(" 12"), connect.TypeInt8, bad}, {connect.String("1.0"), connect.TypeInt64, bad},
		{connect.String("128"), connect.TypeInt8, bad}, {connect.String("1_0"), connect.TypeInt64, bad}, {connect.String(""), connect.TypeInt32, bad},
		{connect.String("yes"), connect.TypeBoolean, "false"}, {connect.String("tRUE"), connect.TypeBoolean, "true"},
		{connect.String(" 1.5f "), connect.TypeFloat64, "1.5"}, {connect.String("1e400"), connect.TypeFloat64, "+Inf"}, {connect.String("-Infinity"), connect.TypeFloat32, "-Inf"},
		{connect.String("NaN"), connect.TypeFloat64, "NaN"}, {connect.String("nan"), connect.TypeFloat64, bad}, {connect.String("inf"), connect.TypeFloat64, bad},
		{connect.String("0x1p3"), connect.TypeFloat64, "8"}, {connect.String("1ff"), connect.TypeFloat64, bad}, {connect.String("--1"), connect.TypeFloat64, bad},
		{connect.String("1_0"), connect.TypeFloat64, bad}, {connect.String(".5"), connect.TypeFloat32, "0.5"}, {connect.String("x"), connect.TypeString, `"x"`},
		{connect.Int64(1 << 62), connect.TypeFloat32, "4.611686018427388e+18"},
		{connect.Float64(1e21), connect.TypeString, `"1.0E21"`}, {connect.Int32(-5), connect.TypeString, `"-5"`},
		{connect.Bytes([]byte("hi")), connect.TypeString, `"aGk="`}, {connect.Bytes(nil), connect.TypeInt8, bad},
		{connect.Date(1), connect.TypeInt64, "1"}, {connect.Date(1), connect.TypeString, `"1970-01-02"`}, {connect.Time(1), connect.TypeString, `"00:00:00.001Z"`},
		{connect.Timestamp(86_400_001), connect.TypeString, `"1970-01-02T00:00:00.001Z"`}, {connect.Timestamp(5), connect.TypeInt8, "5"},
		{connect.Array(nil), connect.TypeString, bad}, {connect.Null(), connect.TypeInt8, "null"},
		{decimal(t, "18446744073709551617.9"), connect.TypeInt64, "1"}, {decimal(t, "-1.9"), connect.TypeInt32, "-1"}, {decimal(t, "1e100"), connect.TypeInt64, "0"},
		{decimal(t, "0.0000001"), connect.TypeInt64, "0"}, {decimal(t, "12.50"), connect.TypeString, `"12.50"`}, {decimal(t, "0.5"), connect.TypeFloat64, "0.5"},
	}
	for _, c := range cases {
		var a connect.Arena
		got := bad
		if v, err := castValue(&a, c.in, c.to); err == nil {
			got = connecttest.Text(v)
			if kind := connect.KindOf(connect.NewSchema(c.to).MustBuild()); v.Kind() != kind && !v.IsNull() {
				t.Errorf("%s %s to %s is %s", c.in.Kind(), connecttest.Text(c.in), c.to, v.Kind())
			}
		}
		if got != c.want {
			t.Errorf("%s %s to %s is %s, want %s", c.in.Kind(), connecttest.Text(c.in), c.to, got, c.want)
		}
	}
}

func TestCastWhole(t *testing.T) {
	named := connect.NewSchema(connect.TypeInt64).Name("io.debezium.time.MicroTimestamp").Version(1).Optional().Default(connect.Int64(7)).MustBuild()
	r := rec(t, `null`, `null`)
	r.ValueSchema, r.Value = named, connect.Int64(5)
	out, err := connecttest.NewStep(mustBuild(t, "Cast$Value", props{"spec": "string"})).Apply(r)
	if err != nil {
		t.Fatal(err)
	}
	def, _ := out[0].ValueSchema.Default()
	if got := out[0]; got.Value.Str() != "5" || got.ValueSchema.Name() != named.Name() || def.Str() != "7" || !got.ValueSchema.Optional() {
		t.Errorf("%s under %s, default %s", connecttest.Text(got.Value), got.ValueSchema, connecttest.Text(def))
	}
	r.ValueSchema, r.Value = connect.DateSchema, connect.Date(5)
	out, err = connecttest.NewStep(mustBuild(t, "Cast$Value", props{"spec": "int32"})).Apply(r)
	if err != nil || connect.Check(out[0].ValueSchema, out[0].Value) != nil || out[0].ValueSchema.Name() != "" {
		t.Errorf("%v, %v", out, err)
	}
	if _, err := connecttest.NewStep(mustBuild(t, "Cast$Value", props{"spec": "x:int32"})).Apply(r); err == nil {
		t.Error("a field of a date was cast")
	}
}

func TestTimestampForms(t *testing.T) {
	const day = int64(86_400_000)
	for _, c := range []struct {
		p    props
		s    *connect.Schema
		v    connect.Value
		want string
	}{
		{props{"target.type": "Date"}, connect.TimestampSchema, connect.Timestamp(-1), "-1"},
		{props{"target.type": "Time"}, connect.TimestampSchema, connect.Timestamp(-1), "86399999"},
		{props{"target.type": "Time"}, connect.OptionalInt64Schema, connect.Int64(day + 5), "5"},
		{props{"target.type": "Timestamp"}, connect.DateSchema, connect.Date(2), "172800000"},
		{props{"target.type": "Timestamp", "unix.precision": "microseconds"}, connect.Int64Schema, connect.Int64(-1999), "-1"},
		{props{"target.type": "Timestamp", "unix.precision": "nanoseconds"}, connect.Int64Schema, connect.Int64(1_999_999), "1"},
		{props{"target.type": "unix", "unix.precision": "nanoseconds"}, connect.TimestampSchema, connect.Timestamp(math.MaxInt64 / 10), "9223372036854775807"},
		{props{"target.type": "unix", "unix.precision": "nanoseconds"}, connect.TimestampSchema, connect.Timestamp(math.MinInt64 / 10), "-9223372036854775808"},
		{props{"target.type": "unix", "unix.precision": "seconds"}, connect.TimestampSchema, connect.Timestamp(-1), "0"},
		{props{"target.type": "unix", "unix.precision": "microseconds"}, connect.TimeSchema, connect.Time(3), "3000"},
		{props{"target.type": "Timestamp", "unix.precision": "seconds"}, connect.Int64Schema, connect.Int64(math.MaxInt64), "9223372036854775807"},
		{props{"target.type": "string", "format": "HH:mm"}, connect.OptionalStringSchema, connect.String("25:00"), `"01:00"`},
		{props{"target.type": "Timestamp"}, connect.Int64Schema, connect.String("x"), "error: convert timestamp: expected a unix, but found string"},
		{props{"target.type": "unix"}, connect.OptionalStringSchema, connect.Null(), "null"},
	} {
		r := rec(t, `null`, `null`)
		r.ValueSchema, r.Value = c.s, c.v
		out, err := connecttest.NewStep(mustBuild(t, "TimestampConverter$Value", c.p)).Apply(r)
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = connecttest.Text(out[0].Value)
			if err := connect.Check(out[0].ValueSchema, out[0].Value); err != nil || out[0].ValueSchema.Optional() != c.s.Optional() {
				t.Errorf("%v: %v under %s", c.p, err, out[0].ValueSchema)
			}
		}
		if got != c.want {
			t.Errorf("%v of %s: %s, want %s", c.p, connecttest.Text(c.v), got, c.want)
		}
	}
}
