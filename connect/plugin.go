// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"context"
	"log/slog"
	"strings"
)

// PluginKind is the kind of a plugin, as GET /connector-plugins names it.
type PluginKind string

// The kinds of plugins.
const (
	KindSink            PluginKind = "sink"
	KindSource          PluginKind = "source"
	KindTransformation  PluginKind = "transformation"
	KindPredicate       PluginKind = "predicate"
	KindConverter       PluginKind = "converter"
	KindHeaderConverter PluginKind = "header_converter"
)

// PluginInfo is what all kinds of plugins have in common.
type PluginInfo struct {
	// Class is the name that is shown: the Java class name for what the original has
	// too, a short name for what is only here.
	Class string
	// Aliases are further names. For each name the part behind the last dot, and that
	// without the suffix of the kind (Connector, Converter), is accepted as well.
	Aliases []string
	Version string
	// Doc is one sentence.
	Doc string
	// Config declares the plugin's own keys, without framework keys and prefixes.
	Config *ConfigDef
	// Prefixes begin the names of further keys that the plugin reads, whose ends are the
	// user's own, such as column.mask.with.4.chars.
	Prefixes []string
	// Validate checks rules across keys, offline; nil for none.
	Validate func(Config) ConfigErrors
}

// SourcePlugin introduces a source connector.
type SourcePlugin struct {
	PluginInfo
	// Defaults are framework keys that this connector sets when the user does not,
	// such as header.converter.
	Defaults map[string]string
	New      func() Connector
	NewTask  func() SourceTask
	// CheckOffset refuses a position that an operator wants to store; nil allows all.
	CheckOffset func(p Position) error
	// Probe is Validate with a look at the world (a server, a file); nil for none.
	Probe func(ctx context.Context, c Config) ConfigErrors
	// Decodes says that the connector supplies raw bytes and leaves decoding to the
	// converters of source.key.converter and source.value.converter.
	Decodes bool
}

// SinkPlugin introduces a sink connector.
type SinkPlugin struct {
	PluginInfo
	Defaults map[string]string
	New      func() Connector
	NewTask  func() SinkTask
	Probe    func(ctx context.Context, c Config) ConfigErrors
}

// TransformContext is what a transform or predicate gets when it is made.
type TransformContext struct {
	Connector string
	Task      int
	Alias     string
	Config    Config
	Log       *slog.Logger
}

// TransformPlugin introduces a transform. For classes with $Key and $Value there
// is one plugin each.
type TransformPlugin struct {
	PluginInfo
	New func(t TransformContext) (Transform, error)
}

// PredicatePlugin introduces a predicate.
type PredicatePlugin struct {
	PluginInfo
	New func(t TransformContext) (Predicate, error)
}

// ConverterContext is what a converter gets when it is made.
type ConverterContext struct {
	// Key says that the converter serves keys, not values.
	Key    bool
	Config Config
	Log    *slog.Logger
}

// ConverterPlugin introduces a converter; New or NewHeader may be nil.
type ConverterPlugin struct {
	PluginInfo
	New       func(c ConverterContext) (Converter, error)
	NewHeader func(c ConverterContext) (HeaderConverter, error)
}

// Plugins is the explicit list of everything that a binary can run. It is made in
// main and never changed afterwards.
type Plugins struct {
	Sources    []SourcePlugin
	Sinks      []SinkPlugin
	Transforms []TransformPlugin
	Predicates []PredicatePlugin
	Converters []ConverterPlugin
}

// suffixes that Kafka Connect lets users leave out.
var nameSuffixes = map[PluginKind]string{
	KindSink: "Connector", KindSource: "Connector", KindConverter: "Converter", KindHeaderConverter: "Converter",
	KindTransformation: "Transformation", KindPredicate: "Predicate",
}

// Matches reports whether name is one of the plugin's names: full, simple, or
// simple without the suffix of its kind.
func (p *PluginInfo) Matches(kind PluginKind, name string) bool {
	if matchesName(p.Class, kind, name) {
		return true
	}
	for _, a := range p.Aliases {
		if matchesName(a, kind, name) {
			return true
		}
	}
	return false
}

func matchesName(full string, kind PluginKind, name string) bool {
	simple := SimpleName(full)
	return name == full || name == simple || name == strings.TrimSuffix(simple, nameSuffixes[kind])
}

// SimpleName is the part of a class name behind the last dot.
func SimpleName(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// Source finds a source connector by any of its names; nil if there is none.
func (p *Plugins) Source(name string) *SourcePlugin {
	for i := range p.Sources {
		if p.Sources[i].Matches(KindSource, name) {
			return &p.Sources[i]
		}
	}
	return nil
}

// Sink finds a sink connector by any of its names; nil if there is none.
func (p *Plugins) Sink(name string) *SinkPlugin {
	for i := range p.Sinks {
		if p.Sinks[i].Matches(KindSink, name) {
			return &p.Sinks[i]
		}
	}
	return nil
}

// Transform finds a transform by any of its names; nil if there is none.
func (p *Plugins) Transform(name string) *TransformPlugin {
	for i := range p.Transforms {
		if p.Transforms[i].Matches(KindTransformation, name) {
			return &p.Transforms[i]
		}
	}
	return nil
}

// Predicate finds a predicate by any of its names; nil if there is none.
func (p *Plugins) Predicate(name string) *PredicatePlugin {
	for i := range p.Predicates {
		if p.Predicates[i].Matches(KindPredicate, name) {
			return &p.Predicates[i]
		}
	}
	return nil
}

// Converter finds a converter by any of its names; nil if there is none.
func (p *Plugins) Converter(name string) *ConverterPlugin {
	for i := range p.Converters {
		if p.Converters[i].Matches(KindConverter, name) {
			return &p.Converters[i]
		}
	}
	return nil
}
