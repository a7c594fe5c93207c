// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// ConfigType is the type of a configuration key, as validate answers name it.
type ConfigType string

// The types of configuration keys.
const (
	TypeConfigBoolean  ConfigType = "BOOLEAN"
	TypeConfigString   ConfigType = "STRING"
	TypeConfigInt      ConfigType = "INT"
	TypeConfigShort    ConfigType = "SHORT"
	TypeConfigLong     ConfigType = "LONG"
	TypeConfigDouble   ConfigType = "DOUBLE"
	TypeConfigList     ConfigType = "LIST"
	TypeConfigClass    ConfigType = "CLASS"
	TypeConfigPassword ConfigType = "PASSWORD"
)

// Importance of a configuration key.
type Importance string

// The importances; the zero value counts as ImportanceMedium.
const (
	ImportanceHigh   Importance = "HIGH"
	ImportanceMedium Importance = "MEDIUM"
	ImportanceLow    Importance = "LOW"
)

// Hidden is what stands for a secret in every answer, error and log line.
const Hidden = "[hidden]"

// ConfigKey declares one configuration key, once: decoding, validation, REST
// answers, command line and documentation are made from it.
type ConfigKey struct {
	Name string
	Type ConfigType
	// Required keys have no default. Of the others, Null ones default to "not set",
	// the rest to Default, in the form in which a user would write it.
	Required bool
	Null     bool
	Default  string
	// Check returns the rule that a value breaks, and a hint; "" for a good value.
	// It is not called for a null value. See Between, OneOf, NonEmpty, ….
	Check func(v any) (rule, hint string)

	Importance  Importance
	Doc         string
	Group       string
	Width       string // NONE, SHORT, MEDIUM, LONG; "" counts as NONE
	DisplayName string // "" counts as the name
	Dependents  []string
	Recommended []string
	// Order overrides the place in the group; 0 means as declared.
	Order int
}

// ConfigDef is the list of the keys of one thing. It is immutable.
type ConfigDef struct {
	keys   []ConfigKey
	byName map[string]int
}

// Define makes a ConfigDef. A key that is declared twice is a mistake of the
// program and panics.
func Define(keys ...ConfigKey) *ConfigDef {
	d := &ConfigDef{keys: keys, byName: make(map[string]int, len(keys))}
	for i, k := range keys {
		if _, dup := d.byName[k.Name]; dup {
			panic("configuration key " + k.Name + " is declared twice")
		}
		d.byName[k.Name] = i
	}
	return d
}

// And returns a ConfigDef with further keys.
func (d *ConfigDef) And(keys ...ConfigKey) *ConfigDef {
	return Define(append(append([]ConfigKey(nil), d.Keys()...), keys...)...)
}

// Keys returns the keys in the order of their declaration; nil-safe. The caller
// must not change them.
func (d *ConfigDef) Keys() []ConfigKey {
	if d == nil {
		return nil
	}
	return d.keys
}

// Key returns one key, and nil if there is none of that name.
func (d *ConfigDef) Key(name string) *ConfigKey {
	if d == nil {
		return nil
	}
	if i, ok := d.byName[name]; ok {
		return &d.keys[i]
	}
	return nil
}

// Names returns the names of all keys in order.
func (d *ConfigDef) Names() []string {
	names := make([]string, len(d.Keys()))
	for i, k := range d.Keys() {
		names[i] = k.Name
	}
	return names
}

// Parse decodes props by the declaration. It returns a usable Config also when
// there are mistakes: keys with a mistake have their default, or nothing. Keys that
// are not declared are left alone; see Unknown.
func (d *ConfigDef) Parse(props map[string]string) (Config, ConfigErrors) {
	c := Config{props: props, values: make(map[string]any, len(d.Keys()))}
	var errs ConfigErrors
	for i := range d.Keys() {
		k := &d.keys[i]
		v, err := k.parse(props)
		if err != nil {
			errs = append(errs, *err)
		}
		c.values[k.Name] = v
	}
	return c, errs
}

func (k *ConfigKey) parse(props map[string]string) (any, *ConfigError) {
	text, set := props[k.Name]
	if !set && k.Required {
		return nil, &ConfigError{Key: k.Name, Text: fmt.Sprintf("Missing required configuration %q which has no default value.", k.Name)}
	}
	if !set && k.Null {
		return nil, nil
	}
	if !set {
		text = k.Default
	}
	v, rule := k.decode(text)
	if rule != "" {
		return nil, &ConfigError{Key: k.Name, Value: k.show(text), Rule: rule}
	}
	if k.Check != nil {
		if rule, hint := k.Check(v); rule != "" {
			return v, &ConfigError{Key: k.Name, Value: k.show(text), Rule: rule, Hint: hint}
		}
	}
	return v, nil
}

func (k *ConfigKey) show(text string) string {
	if k.Type == TypeConfigPassword {
		return Hidden
	}
	return text
}

// decode turns the text into the Go value of the key's type, or names the rule.
func (k *ConfigKey) decode(text string) (any, string) {
	t := strings.TrimSpace(text)
	switch k.Type {
	case TypeConfigBoolean:
		switch strings.ToLower(t) {
		case "true":
			return true, ""
		case "false":
			return false, ""
		}
		return nil, "Expected value to be either true or false"
	case TypeConfigInt, TypeConfigShort, TypeConfigLong:
		n, err := strconv.ParseInt(t, 10, intBits[k.Type])
		if err != nil {
			return nil, "Not a number of type " + string(k.Type)
		}
		return n, ""
	case TypeConfigDouble:
		f, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return nil, "Not a number of type DOUBLE"
		}
		return f, ""
	case TypeConfigList:
		return splitList(t), ""
	case TypeConfigPassword:
		return text, ""
	default:
		return t, ""
	}
}

var intBits = map[ConfigType]int{TypeConfigInt: 32, TypeConfigShort: 16, TypeConfigLong: 64}

func splitList(t string) []string {
	if t == "" {
		return nil
	}
	parts := strings.Split(t, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// Unknown returns the keys of props that neither the declaration nor one of the
// prefixes covers, sorted, each with the nearest declared name as a hint.
func (d *ConfigDef) Unknown(props map[string]string, prefixes ...string) ConfigErrors {
	var errs ConfigErrors
	for name, v := range props {
		if d.Key(name) != nil || hasPrefix(name, prefixes) {
			continue
		}
		e := ConfigError{Key: name, Value: v, Text: fmt.Sprintf("Unknown configuration %q", name)}
		if near := Nearest(name, d.Names()); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		errs = append(errs, e)
	}
	sort.Slice(errs, func(i, j int) bool { return errs[i].Key < errs[j].Key })
	return errs
}

func hasPrefix(name string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// Config is a decoded configuration. Reading a key that was not declared is a
// mistake of the program and panics, so that a typo cannot read as "not set".
// It is immutable and safe for concurrent use; its methods return zero for null.
type Config struct {
	props  map[string]string
	values map[string]any
}

func (c Config) value(name string) any {
	v, ok := c.values[name]
	if !ok {
		panic("configuration key " + name + " is read but not declared")
	}
	return v
}

// Raw returns the properties that the Config was made of; the caller must not
// change them.
func (c Config) Raw() map[string]string { return c.props }

// Has reports whether the user has set the key.
func (c Config) Has(name string) bool { _, ok := c.props[name]; return ok }

// IsNull reports whether the key has no value: not set, and no default.
func (c Config) IsNull(name string) bool { return c.value(name) == nil }

// String returns a STRING, CLASS or PASSWORD.
func (c Config) String(name string) string { s, _ := c.value(name).(string); return s }

// Bool returns a BOOLEAN.
func (c Config) Bool(name string) bool { b, _ := c.value(name).(bool); return b }

// Int returns an INT or SHORT.
func (c Config) Int(name string) int { n, _ := c.value(name).(int64); return int(n) }

// Int64 returns a LONG, INT or SHORT.
func (c Config) Int64(name string) int64 { n, _ := c.value(name).(int64); return n }

// Float returns a DOUBLE.
func (c Config) Float(name string) float64 { f, _ := c.value(name).(float64); return f }

// List returns a LIST; the caller must not change it.
func (c Config) List(name string) []string { l, _ := c.value(name).([]string); return l }

// Millis returns a number of milliseconds as a duration.
func (c Config) Millis(name string) time.Duration {
	return time.Duration(c.Int64(name)) * time.Millisecond
}

// WithPrefix returns the properties whose names begin with prefix, without it.
func (c Config) WithPrefix(prefix string) map[string]string {
	return WithPrefix(c.props, prefix)
}

// WithPrefix returns the entries of props whose names begin with prefix, without it.
func WithPrefix(props map[string]string, prefix string) map[string]string {
	out := make(map[string]string)
	for k, v := range props {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			out[rest] = v
		}
	}
	return out
}
