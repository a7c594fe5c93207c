// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// codec is a converter with the name under which errors mention it.
type codec struct {
	connect.Converter
	class string
	// print is equal for converters of the same class and configuration: what one
	// decoded the other would encode to the same bytes.
	print string
}

// headerCodec is the same for headers.
type headerCodec struct {
	connect.HeaderConverter
	class, print string
}

// parts are what a task is made of, instantiated.
type parts struct {
	class  string // of the connector
	source *connect.SourcePlugin
	sink   *connect.SinkPlugin
	// props are the connector's properties over the plugin's defaults.
	props map[string]string
	// framework are the keys of ConnectorKeys, plugin those of the connector itself.
	framework, plugin connect.Config

	key, value codec // for what is written, and for what a sink reads
	header     headerCodec
	// inKey and inValue decode what a source supplies raw; nil otherwise.
	inKey, inValue codec
	chain          *chain
}

// build instantiates everything; all mistakes are returned at once.
func build(o *TaskOptions) (*parts, error) {
	p := &parts{class: o.Config[keyClass]}
	kind, info, defaults, err := p.find(o.Plugins)
	if err != nil {
		return nil, err
	}
	p.props = maps.Clone(defaults)
	if p.props == nil {
		p.props = make(map[string]string, len(o.Config))
	}
	maps.Copy(p.props, o.Config)
	var errs, more connect.ConfigErrors
	p.framework, errs = ConnectorKeys(kind).Parse(p.props)
	own := maps.Clone(p.props)
	maps.Copy(own, o.TaskConfig)
	p.plugin, more = info.Config.Parse(own)
	b := builder{o: o, p: p, errs: append(errs, more...)}
	b.converters()
	b.chain()
	b.delivery()
	if len(b.errs) > 0 {
		p.chain.close(o.Log)
		return nil, b.errs
	}
	return p, nil
}

// find looks the connector's class up.
func (p *parts) find(plugins *connect.Plugins) (connect.PluginKind, *connect.PluginInfo, map[string]string, error) {
	if p.source = plugins.Source(p.class); p.source != nil {
		return connect.KindSource, &p.source.PluginInfo, p.source.Defaults, nil
	}
	if p.sink = plugins.Sink(p.class); p.sink != nil {
		return connect.KindSink, &p.sink.PluginInfo, p.sink.Defaults, nil
	}
	var names []string
	for i := range plugins.Sources {
		names = append(names, connect.SimpleName(plugins.Sources[i].Class))
	}
	for i := range plugins.Sinks {
		names = append(names, connect.SimpleName(plugins.Sinks[i].Class))
	}
	return "", nil, nil, connect.ConfigErrors{unknownPlugin(keyClass, p.class, "connector", names)}
}

func unknownPlugin(key, name, what string, known []string) connect.ConfigError {
	e := connect.ConfigError{Key: key, Value: name, Rule: "there is no " + what + " of this name"}
	if near := connect.Nearest(connect.SimpleName(name), known); near != "" {
		e.Hint = "did you mean " + near + "?"
	} else {
		slices.Sort(known)
		e.Hint = "available: " + strings.Join(known, ", ")
	}
	return e
}

// builder gathers mistakes while it instantiates.
type builder struct {
	o    *TaskOptions
	p    *parts
	errs connect.ConfigErrors
}

func (b *builder) fail(e connect.ConfigError) { b.errs = append(b.errs, e) }

func (b *builder) log() *slog.Logger { return b.o.Log }

func (b *builder) converters() {
	b.p.key = b.converter(keyConverter, true)
	b.p.value = b.converter(valueConverter, false)
	b.p.header = b.headers()
	if b.p.source == nil || !b.p.source.Decodes {
		return
	}
	b.p.inKey, b.p.inValue = b.p.key, b.p.value
	if b.p.props[sourceKeyConverter] != "" {
		b.p.inKey = b.converter(sourceKeyConverter, true)
	}
	if b.p.props[sourceValConverter] != "" {
		b.p.inValue = b.converter(sourceValConverter, false)
	}
}

// chosen returns class and properties of a converter: the connector's, or else the
// worker's. Properties of one never mix with the class of the other.
func (b *builder) chosen(key string) (class string, props map[string]string) {
	from := b.p.props
	if from[key] == "" {
		from = b.o.Worker.Converters
	}
	return from[key], connect.WithPrefix(from, key+".")
}

func (b *builder) converter(key string, isKey bool) codec {
	class, props := b.chosen(key)
	plugin := b.findConverter(key, class, func(p *connect.ConverterPlugin) bool { return p.New != nil })
	if plugin == nil {
		return codec{}
	}
	config, ok := b.parse(plugin.Config, props, key+".")
	if !ok {
		return codec{}
	}
	c, err := plugin.New(connect.ConverterContext{Key: isKey, Config: config, Log: b.log()})
	if err != nil {
		b.fail(connect.ConfigError{Key: key, Value: class, Rule: err.Error()})
		return codec{}
	}
	return codec{c, plugin.Class, printOf(plugin.Class, props)}
}

func (b *builder) headers() headerCodec {
	class, props := b.chosen(headerConverter)
	if class == "" {
		class = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
	}
	plugin := b.findConverter(headerConverter, class, func(p *connect.ConverterPlugin) bool { return p.NewHeader != nil })
	if plugin == nil {
		return headerCodec{}
	}
	config, ok := b.parse(plugin.Config, props, headerConverter+".")
	if !ok {
		return headerCodec{}
	}
	c, err := plugin.NewHeader(connect.ConverterContext{Config: config, Log: b.log()})
	if err != nil {
		b.fail(connect.ConfigError{Key: headerConverter, Value: class, Rule: err.Error()})
		return headerCodec{}
	}
	return headerCodec{c, plugin.Class, printOf(plugin.Class, props)}
}

func (b *builder) findConverter(key, class string, able func(*connect.ConverterPlugin) bool) *connect.ConverterPlugin {
	all := b.o.Plugins.Converters
	var names []string
	for i := range all {
		if !able(&all[i]) {
			continue
		}
		if all[i].Matches(connect.KindConverter, class) || all[i].Matches(connect.KindHeaderConverter, class) {
			return &all[i]
		}
		names = append(names, connect.SimpleName(all[i].Class))
	}
	b.fail(unknownPlugin(key, class, "converter", names))
	return nil
}

// parse decodes the properties of a part, and reports mistakes under their full names.
func (b *builder) parse(def *connect.ConfigDef, props map[string]string, prefix string) (connect.Config, bool) {
	config, errs := def.Parse(props)
	for _, e := range errs {
		e.Key = prefix + e.Key
		b.fail(e)
	}
	return config, len(errs) == 0
}

func printOf(class string, props map[string]string) string {
	var s strings.Builder
	s.WriteString(class)
	for _, k := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&s, "\x00%s=%s", k, props[k])
	}
	return s.String()
}

// chain instantiates transforms and predicates.
func (b *builder) chain() {
	b.p.chain = &chain{}
	for _, alias := range b.p.framework.List(keyTransforms) {
		if s, ok := b.step(alias); ok {
			b.p.chain.add(s)
		}
	}
}

// delivery refuses state without transactions: it could not be kept in step with
// the offsets.
func (b *builder) delivery() {
	if b.p.source == nil || b.p.framework.String(keyDelivery) != atLeastOnce || !b.p.chain.stateful() {
		return
	}
	b.fail(connect.ConfigError{Key: keyDelivery, Value: atLeastOnce, Rule: "the chain keeps state, which needs transactions",
		Hint: "use " + exactlyOnce + ", or remove the transform " + b.p.chain.stateSteps()[0].Alias})
}

func (b *builder) step(alias string) (step, bool) {
	prefix := "transforms." + alias + "."
	frame, errs := connect.Define(TransformKeys(alias)...).Parse(b.p.props)
	if len(errs) > 0 {
		b.errs = append(b.errs, errs...)
		return step{}, false
	}
	class := frame.String(prefix + "type")
	plugin := b.o.Plugins.Transform(class)
	if plugin == nil {
		var names []string
		for i := range b.o.Plugins.Transforms {
			names = append(names, connect.SimpleName(b.o.Plugins.Transforms[i].Class))
		}
		b.fail(unknownPlugin(prefix+"type", class, "transform", names))
		return step{}, false
	}
	config, ok := b.parse(plugin.Config, connect.WithPrefix(b.p.props, prefix), prefix)
	if !ok {
		return step{}, false
	}
	t, err := plugin.New(connect.TransformContext{Connector: b.o.Connector, Task: b.o.Task, Alias: alias, Config: config, Log: b.log()})
	if err != nil {
		b.fail(connect.ConfigError{Key: prefix + "type", Value: class, Rule: err.Error()})
		return step{}, false
	}
	s := step{alias: alias, class: plugin.Class, transform: t, stateName: frame.String(prefix + "state.name"), mayBegin: frame.String(prefix+StateMissing) == stateEmpty}
	s.negate = frame.Bool(prefix + "negate")
	if name := frame.String(prefix + "predicate"); name != "" {
		s.predicate, s.predicateClass = b.predicate(prefix+"predicate", name)
	} else if s.negate {
		b.fail(connect.ConfigError{Key: prefix + "type", Value: class, Rule: "negate is set without a predicate", Hint: "set " + prefix + "predicate, or remove " + prefix + "negate"})
	}
	return s, true
}

func (b *builder) predicate(key, alias string) (connect.Predicate, string) {
	declared := b.p.framework.List(keyPredicates)
	if !slices.Contains(declared, alias) {
		e := connect.ConfigError{Key: key, Value: alias, Rule: "it is not among the predicates of the connector"}
		if near := connect.Nearest(alias, declared); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		b.fail(e)
		return nil, ""
	}
	prefix := "predicates." + alias + "."
	class := b.p.props[prefix+"type"]
	plugin := b.o.Plugins.Predicate(class)
	if plugin == nil {
		var names []string
		for i := range b.o.Plugins.Predicates {
			names = append(names, connect.SimpleName(b.o.Plugins.Predicates[i].Class))
		}
		b.fail(unknownPlugin(prefix+"type", class, "predicate", names))
		return nil, ""
	}
	config, ok := b.parse(plugin.Config, connect.WithPrefix(b.p.props, prefix), prefix)
	if !ok {
		return nil, ""
	}
	p, err := plugin.New(connect.TransformContext{Connector: b.o.Connector, Task: b.o.Task, Alias: alias, Config: config, Log: b.log()})
	if err != nil {
		b.fail(connect.ConfigError{Key: prefix + "type", Value: class, Rule: err.Error()})
		return nil, ""
	}
	return p, plugin.Class
}
