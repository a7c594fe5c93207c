// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
)

// The keys that the original completes with what is known of plugins and worker.
const (
	connectorVersion = "connector.plugin.version"
	simpleHeaders    = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
)

// PluginKeys returns the keys of a plugin of any kind: a connector's own first, then
// the framework's. ok is false for a name that nothing has.
func PluginKeys(p *connect.Plugins, name string) (keys []connect.ConfigKey, ok bool) {
	if kind, info := findConnector(p, name); info != nil {
		framework := slices.Clone(runtime.ConnectorKeys(kind).Keys())
		versioned(framework, connectorVersion, info.Version)
		return append(slices.Clone(info.Config.Keys()), framework...), true
	}
	if t := p.Transform(name); t != nil {
		return t.Config.Keys(), true
	}
	if t := p.Predicate(name); t != nil {
		return t.Config.Keys(), true
	}
	if c := p.Converter(name); c != nil {
		return converterKeysOf(c), true
	}
	return nil, false
}

// converterKeysOf returns a converter's keys. The first is set by the framework.
func converterKeysOf(c *connect.ConverterPlugin) []connect.ConfigKey {
	use := connect.ConfigKey{Name: "converter.type", Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceLow, Doc: "How this converter will be used."}
	return append([]connect.ConfigKey{use}, c.Config.Keys()...)
}

// versioned makes a plugin's version the default of a key, and the only value that is
// recommended for it.
func versioned(keys []connect.ConfigKey, name, version string) {
	if version == "" {
		return
	}
	defaulted(keys, name, version, []string{version})
}

// defaulted sets default and recommended values of a key; an empty default is none.
func defaulted(keys []connect.ConfigKey, name, def string, recommended []string) {
	for i := range keys {
		if keys[i].Name != name {
			continue
		}
		keys[i].Recommended = recommended
		if def != "" {
			keys[i].Null, keys[i].Default = false, def
		}
	}
}

// frameworkKeys returns the framework's keys with what this worker makes of them:
// its converters are the defaults, its plugins are recommended.
func (v *validation) frameworkKeys(kind connect.PluginKind, info *connect.PluginInfo) []connect.ConfigKey {
	keys := topicsFirst(slices.Clone(runtime.ConnectorKeys(kind).Keys()))
	versioned(keys, connectorVersion, info.Version)
	for _, key := range []string{"key.converter", "value.converter", "header.converter"} {
		headers := key == "header.converter"
		def := v.worker[key]
		if def == "" && headers {
			def = simpleHeaders
		}
		if p := v.plugins.Converter(def); p != nil {
			def = p.Class
		}
		defaulted(keys, key, def, converterClasses(v.plugins, headers))
		used := def
		if own := v.props[key]; own != "" {
			used = own
		}
		if p := v.plugins.Converter(used); p != nil {
			versioned(keys, key+".plugin.version", p.Version)
		}
	}
	return keys
}

// topicsFirst moves what a sink reads before its error topic, as in the original's
// answers. The keys of a source have their order already.
func topicsFirst(keys []connect.ConfigKey) []connect.ConfigKey {
	at := slices.IndexFunc(keys, func(k connect.ConfigKey) bool { return strings.HasPrefix(k.Name, "errors.deadletterqueue.") })
	var read []connect.ConfigKey
	for _, k := range keys {
		if k.Name == "topics" || k.Name == "topics.regex" {
			read = append(read, k)
		}
	}
	if at < 0 || len(read) == 0 {
		return keys
	}
	keys = slices.DeleteFunc(keys, func(k connect.ConfigKey) bool { return k.Name == "topics" || k.Name == "topics.regex" })
	return slices.Insert(keys, min(at, len(keys)), read...)
}

// converterClasses lists what can convert values or headers, sorted.
func converterClasses(p *connect.Plugins, headers bool) []string {
	var out []string
	for i := range p.Converters {
		c := &p.Converters[i]
		if headers && c.NewHeader != nil || !headers && c.New != nil {
			out = append(out, c.Class)
		}
	}
	slices.Sort(out)
	return out
}

// partKeys returns the keys of one transform or predicate, without the prefix, in the
// order of the original: type, version, then all others by name, and ours last.
func partKeys(framework []connect.ConfigKey, prefix, what, alias string, info *connect.PluginInfo, classes []string) []connect.ConfigKey {
	slices.Sort(classes)
	first := framework[0]
	first.Name, first.Recommended = "type", classes
	out := []connect.ConfigKey{first}
	if info == nil {
		info = &connect.PluginInfo{}
	}
	version := connect.ConfigKey{
		Name: "plugin.version", Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh, Width: "LONG",
		DisplayName: what + " version for " + alias, Doc: "Version of the '" + alias + "' " + strings.ToLower(what) + ".",
	}
	out = append(out, version)
	versioned(out, "plugin.version", info.Version)
	var rest []connect.ConfigKey
	for _, k := range framework[1:] {
		k.Name = strings.TrimPrefix(k.Name, prefix)
		rest = append(rest, k)
	}
	rest = append(rest, info.Config.Keys()...)
	slices.SortStableFunc(rest, func(a, b connect.ConfigKey) int {
		if ours := isOurs(a.Name) - isOurs(b.Name); ours != 0 {
			return ours
		}
		return strings.Compare(a.Name, b.Name)
	})
	out = append(out, rest...)
	for i := range out {
		out[i].Group, out[i].Order = first.Group, i
	}
	return out
}

// isOurs is 1 for the framework's keys of transforms that the original does not have.
func isOurs(name string) int {
	if name == "state.name" || name == runtime.StateMissing {
		return 1
	}
	return 0
}

// uniqueList is list without what has been there before.
func uniqueList(text string) []string {
	var out []string
	for _, s := range list(text) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}
