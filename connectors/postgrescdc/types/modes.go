// SPDX-License-Identifier: Apache-2.0

package types

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Settings are the server settings that the text forms depend on, as startup options of a
// connection: they hold for replication connections and for snapshot sessions alike.
const Settings = "-c timezone=UTC -c datestyle=ISO,YMD -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=3 -c lc_monetary=C"

// Modes are the settings that decide how values look. Their texts are those of the
// original's keys; empty ones mean its defaults.
type Modes struct {
	Decimal  string // decimal.handling.mode: precise, double, string
	Time     string // time.precision.mode: one of seven
	Interval string // interval.handling.mode: numeric, string
	Hstore   string // hstore.handling.mode: json, map
	Binary   string // binary.handling.mode: bytes, base64, base64-url-safe, hex
	// MoneyDigits is money.fraction.digits: the scale of money in precise mode.
	MoneyDigits int
	// UnknownTypes is include.unknown.datatypes: types that have no mapping are the bytes of
	// their text, by Binary, instead of left out.
	UnknownTypes bool
	// Unavailable is unavailable.value.placeholder, as given: hex: begins bytes.
	Unavailable string

	// NestedArrays gives columns that were declared with several dimensions a schema of
	// arrays of arrays. The original has no such mode: the elements of such values are null.
	NestedArrays bool
	// CompositeStructs makes structs of composite types. The original has no such mode.
	CompositeStructs bool
}

const defaultUnavailable = "__debezium_unavailable_value"

// check returns the modes with their defaults filled in and the bytes of the placeholder.
func (m Modes) check() (Modes, []byte, error) {
	for _, mode := range []struct {
		key   string
		value *string
		valid []string
	}{
		{"decimal.handling.mode", &m.Decimal, []string{"precise", "double", "string"}},
		{"time.precision.mode", &m.Time, []string{"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds", "structured"}},
		{"interval.handling.mode", &m.Interval, []string{"numeric", "string"}},
		{"hstore.handling.mode", &m.Hstore, []string{"json", "map"}},
		{"binary.handling.mode", &m.Binary, []string{"bytes", "base64", "base64-url-safe", "hex"}},
	} {
		if *mode.value == "" {
			*mode.value = mode.valid[0]
		}
		if err := oneOf(mode.key, *mode.value, mode.valid); err != nil {
			return m, nil, err
		}
	}
	placeholder, err := placeholderBytes(m.Unavailable)
	return m, placeholder, err
}

func oneOf(key, value string, valid []string) error {
	for _, v := range valid {
		if v == value {
			return nil
		}
	}
	hint := ""
	if near := connect.Nearest(value, valid); near != "" {
		hint = "did you mean " + near + "?"
	}
	return connect.ConfigError{Key: key, Value: value, Rule: "must be one of " + strings.Join(valid, ", "), Hint: hint}
}

// placeholderBytes are the bytes of unavailable.value.placeholder.
func placeholderBytes(setting string) ([]byte, error) {
	if setting == "" {
		return []byte(defaultUnavailable), nil
	}
	digits, isHex := strings.CutPrefix(setting, "hex:")
	if !isHex {
		return []byte(setting), nil
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("read placeholder: %w", connect.ConfigError{
			Key: "unavailable.value.placeholder", Value: setting, Rule: "what follows hex: must be pairs of hexadecimal digits",
		})
	}
	return b, nil
}
