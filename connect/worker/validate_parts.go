// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
)

// chain checks the transforms and predicates that the configuration names.
func (v *validation) chain(plugins *connect.Plugins) {
	for _, alias := range uniqueList(v.props["transforms"]) {
		prefix := "transforms." + alias + "."
		var info *connect.PluginInfo
		if p := plugins.Transform(v.props[prefix+"type"]); p != nil {
			info = &p.PluginInfo
		}
		v.part(info, prefix, partKeys(runtime.TransformKeys(alias), prefix, "Transformation", alias, info, transformClasses(plugins)), transformNames(plugins))
		if info != nil {
			v.guard(prefix)
		}
	}
	for _, alias := range uniqueList(v.props["predicates"]) {
		prefix := "predicates." + alias + "."
		var info *connect.PluginInfo
		if p := plugins.Predicate(v.props[prefix+"type"]); p != nil {
			info = &p.PluginInfo
		}
		v.part(info, prefix, partKeys(runtime.PredicateKeys(alias), prefix, "Predicate", alias, info, predicateClasses(plugins)), predicateNames(plugins))
	}
}

// part declares the keys of a transform or predicate, nil for an unknown class, and
// checks its rules across keys.
func (v *validation) part(info *connect.PluginInfo, prefix string, keys []connect.ConfigKey, names []string) {
	v.declare(keys, prefix, true)
	if info == nil {
		v.known = append(v.known, prefix)
		if class := v.props[prefix+"type"]; class != "" {
			v.add(prefix+"type", missingClass(class, prefix+"type", names))
		}
		return
	}
	cfg, errs := info.Config.Parse(connect.WithPrefix(v.props, prefix))
	if len(errs) == 0 && info.Validate != nil {
		v.addErrors(info.Validate(cfg), prefix)
	}
}

// guard checks that a step's predicate exists.
func (v *validation) guard(prefix string) {
	name, guarded := v.props[prefix+"predicate"]
	if _, negated := v.props[prefix+"negate"]; negated && !guarded {
		v.add(prefix+"type", "Configuration "+prefix+"negate has no meaning without "+prefix+"predicate")
	}
	if !guarded {
		return
	}
	names := list(v.props["predicates"])
	for _, n := range names {
		if n == name {
			return
		}
	}
	e := connect.ConfigError{Key: prefix + "predicate", Value: name, Rule: "no predicate has this alias"}
	if near := connect.Nearest(name, names); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	v.add(e.Key, e.Error())
}

func missingClass(class, key string, known []string) string {
	e := connect.ConfigError{Key: key, Value: class, Rule: "Class " + class + " could not be found."}
	if near := connect.Nearest(connect.SimpleName(class), known); near != "" {
		e.Hint = "did you mean " + near + "?"
	}
	return e.Error()
}

func transformClasses(p *connect.Plugins) (classes []string) {
	for i := range p.Transforms {
		classes = append(classes, p.Transforms[i].Class)
	}
	return classes
}

func predicateClasses(p *connect.Plugins) (classes []string) {
	for i := range p.Predicates {
		classes = append(classes, p.Predicates[i].Class)
	}
	return classes
}

func transformNames(p *connect.Plugins) []string { return simpleNames(transformClasses(p)) }
func predicateNames(p *connect.Plugins) []string { return simpleNames(predicateClasses(p)) }

func simpleNames(classes []string) []string {
	for i := range classes {
		classes[i] = connect.SimpleName(classes[i])
	}
	return classes
}

func converterNames(p *connect.Plugins) (names []string) {
	for i := range p.Converters {
		names = append(names, connect.SimpleName(p.Converters[i].Class))
	}
	return names
}

// converterKeys are the keys that name converters.
var converterKeys = []string{"key.converter", "value.converter", "header.converter", "source.key.converter", "source.value.converter"}

// converters checks the converters that the connector sets itself.
func (v *validation) converters(plugins *connect.Plugins) {
	for _, key := range converterKeys {
		v.known = append(v.known, key+".")
		class, ok := v.props[key]
		if !ok || class == "" {
			continue
		}
		p := plugins.Converter(class)
		if p == nil {
			v.add(key, missingClass(class, key, converterNames(plugins)))
			continue
		}
		if key == "header.converter" && p.NewHeader == nil || key != "header.converter" && p.New == nil {
			v.add(key, connect.ConfigError{Key: key, Value: class, Rule: "Class " + class + " is not a converter for this"}.Error())
			continue
		}
		local := connect.WithPrefix(v.props, key+".")
		if _, set := local["converter.type"]; !set {
			local["converter.type"] = converterUse(key)
		}
		v.declareIn(local, converterKeysOf(p), key+".", false)
		if cfg, errs := p.Config.Parse(connect.WithPrefix(v.props, key+".")); len(errs) == 0 && p.Validate != nil {
			v.addErrors(p.Validate(cfg), key+".")
		}
	}
}

// converterUse is what a converter is told of its use: key, value or header.
func converterUse(key string) string {
	use, _, _ := strings.Cut(strings.TrimPrefix(key, "source."), ".")
	return use
}

// topicCreation checks the groups of topic.creation.*.
func (v *validation) topicCreation(kind connect.PluginKind) {
	if kind != connect.KindSource {
		return
	}
	v.known = append(v.known, "topic.creation.")
	if len(connect.WithPrefix(v.props, "topic.creation.")) == 0 {
		return
	}
	for _, group := range append(list(v.props["topic.creation.groups"]), "default") {
		v.declare(runtime.TopicCreationKeys(group), "", true)
	}
}

// warnUnknown names keys that nothing declares; as in the original they are no
// mistakes, since a plugin may read them by other ways.
func (v *validation) warnUnknown(names []string) {
	for _, e := range connect.Define().Unknown(v.props, v.known...) {
		if near := connect.Nearest(e.Key, names); near != "" {
			e.Hint = "did you mean " + near + "?"
		}
		v.infos.Warnings = append(v.infos.Warnings, e.Error())
	}
}

func list(text string) []string {
	var out []string
	for _, s := range strings.Split(text, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
