// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/runtime"
)

// Definition is a key as validate answers describe it.
type Definition struct {
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	Default       *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
	Group         *string  `json:"group"`
	Order         int      `json:"order_in_group"`
	Width         string   `json:"width"`
	DisplayName   string   `json:"display_name"`
	Dependents    []string `json:"dependents"`
}

// ConfigValue is a key's value and what is wrong with it.
type ConfigValue struct {
	Name        string   `json:"name"`
	Value       *string  `json:"value"`
	Recommended []string `json:"recommended_values"`
	Errors      []string `json:"errors"`
	Visible     bool     `json:"visible"`
}

// ConfigInfo is one key of a ConfigInfos.
type ConfigInfo struct {
	Definition *Definition `json:"definition"`
	Value      ConfigValue `json:"value"`
}

// ConfigInfos is the answer of validate.
type ConfigInfos struct {
	Name       string       `json:"name"`
	ErrorCount int          `json:"error_count"`
	Groups     []string     `json:"groups"`
	Configs    []ConfigInfo `json:"configs"`
	// Warnings names keys that nothing declares, with the nearest name; the original
	// leaves them out.
	Warnings []string `json:"connectd_warnings,omitempty"`
}

// Errors returns all messages in order.
func (i *ConfigInfos) Errors() []string {
	var out []string
	for _, c := range i.Configs {
		out = append(out, c.Value.Errors...)
	}
	return out
}

// validation collects the keys that concern one configuration.
type validation struct {
	plugins *connect.Plugins
	worker  map[string]string // the worker's converters
	props   map[string]string
	infos   ConfigInfos
	index   map[string]int
	known   []string // prefixes and names that something declares
}

// Validate checks a configuration as a whole, offline. An error is about the request;
// what is wrong with the configuration stands in the answer.
func Validate(plugins *connect.Plugins, policy OverridePolicy, props map[string]string) (*ConfigInfos, error) {
	return validate(plugins, policy, nil, props)
}

// validate is Validate where the converters of a worker are known.
func validate(plugins *connect.Plugins, policy OverridePolicy, converters, props map[string]string) (*ConfigInfos, error) {
	class, ok := props["connector.class"]
	if !ok || strings.TrimSpace(class) == "" {
		return nil, badRequest("Connector config %s contains no connector type", javaMap(masked(props)))
	}
	v := &validation{plugins: plugins, worker: converters, props: props, index: map[string]int{}}
	v.infos.Name, v.infos.Groups, v.infos.Configs = class, []string{}, []ConfigInfo{}
	kind, info := findConnector(plugins, class)
	if info == nil {
		return nil, badRequest("%s", unknownConnector(plugins, class))
	}
	framework := runtime.ConnectorKeys(kind)
	v.declare(v.frameworkKeys(kind, info), "", true)
	v.checkFramework(kind)
	v.chain(plugins)
	v.declare(info.Config.Keys(), "", false)
	v.known = append(v.known, info.Prefixes...)
	if cfg, errs := info.Config.Parse(props); len(errs) == 0 && info.Validate != nil {
		v.addErrors(info.Validate(cfg), "")
	}
	v.converters(plugins)
	v.overrides(policy)
	v.topicCreation(kind)
	v.warnUnknown(append(framework.Names(), info.Config.Names()...))
	for _, c := range v.infos.Configs {
		v.infos.ErrorCount += len(c.Value.Errors)
	}
	return &v.infos, nil
}

func findConnector(plugins *connect.Plugins, class string) (connect.PluginKind, *connect.PluginInfo) {
	if p := plugins.Source(class); p != nil {
		return connect.KindSource, &p.PluginInfo
	}
	if p := plugins.Sink(class); p != nil {
		return connect.KindSink, &p.PluginInfo
	}
	return "", nil
}

// unknownConnector names the nearest class first, then all of them.
func unknownConnector(plugins *connect.Plugins, class string) string {
	var names, simple []string
	for i := range plugins.Sources {
		names = append(names, plugins.Sources[i].Class)
	}
	for i := range plugins.Sinks {
		names = append(names, plugins.Sinks[i].Class)
	}
	for _, n := range names {
		simple = append(simple, strings.TrimSuffix(connect.SimpleName(n), "Connector"))
	}
	hint := ""
	if near := connect.Nearest(strings.TrimSuffix(connect.SimpleName(class), "Connector"), simple); near != "" {
		hint = " (did you mean " + near + "?)"
	}
	return fmt.Sprintf("Failed to find any class that implements Connector and which name matches %s%s, available connectors are: %s", class, hint, strings.Join(names, ", "))
}

func (w *Worker) unknownClass(class string) error {
	return badRequest("%s", unknownConnector(w.o.Plugins, class))
}

// declare adds keys with their values and mistakes. Groups are listed once each.
func (v *validation) declare(keys []connect.ConfigKey, prefix string, groups bool) {
	local := v.props
	if prefix != "" {
		local = connect.WithPrefix(v.props, prefix)
	}
	v.declareIn(local, keys, prefix, groups)
}

func (v *validation) declareIn(local map[string]string, keys []connect.ConfigKey, prefix string, groups bool) {
	_, errs := connect.Define(keys...).Parse(local)
	place := map[string]int{}
	for i := range keys {
		k := &keys[i]
		order := place[k.Group]
		place[k.Group]++
		if groups && k.Group != "" && !slices.Contains(v.infos.Groups, k.Group) {
			v.infos.Groups = append(v.infos.Groups, k.Group)
		}
		if _, twice := v.index[prefix+k.Name]; twice {
			continue
		}
		v.index[prefix+k.Name] = len(v.infos.Configs)
		v.infos.Configs = append(v.infos.Configs, ConfigInfo{define(k, prefix, order), value(k, prefix, local)})
		v.known = append(v.known, prefix+k.Name)
	}
	v.addErrors(errs, prefix)
}

// define describes a key that stands at this place of its group.
func define(k *connect.ConfigKey, prefix string, place int) *Definition {
	d := &Definition{
		Name: prefix + k.Name, Type: string(k.Type), Required: k.Required, Importance: string(k.Importance), Documentation: k.Doc,
		Order: k.Order, Width: k.Width, DisplayName: k.DisplayName, Dependents: k.Dependents,
	}
	if !k.Required && !k.Null {
		def := k.Default
		d.Default = &def
	}
	switch {
	case k.Group == "":
		d.Order = -1
	case k.Order == 0:
		d.Group, d.Order = &k.Group, place
	default:
		d.Group = &k.Group
	}
	if d.Importance == "" {
		d.Importance = string(connect.ImportanceMedium)
	}
	if d.Width == "" {
		d.Width = "NONE"
	}
	if d.DisplayName == "" {
		d.DisplayName = k.Name
	}
	if d.Dependents == nil {
		d.Dependents = []string{}
	}
	return d
}

func value(k *connect.ConfigKey, prefix string, local map[string]string) ConfigValue {
	out := ConfigValue{Name: prefix + k.Name, Recommended: k.Recommended, Errors: []string{}, Visible: true}
	if out.Recommended == nil {
		out.Recommended = []string{}
	}
	text, set := local[k.Name]
	switch {
	case set && k.Type == connect.TypeConfigPassword:
		text = connect.Hidden
	case !set && (k.Required || k.Null):
		return out
	case !set:
		text = k.Default
	}
	out.Value = &text
	return out
}

// addErrors puts mistakes to their keys; those of undeclared keys get an entry.
func (v *validation) addErrors(errs connect.ConfigErrors, prefix string) {
	for _, e := range errs {
		if i, ok := v.index[prefix+e.Key]; ok && e.Text == "" && v.isList(i) {
			e.Value = "[" + strings.Join(list(e.Value), ", ") + "]"
		}
		text := e.Error()
		if prefix != "" && e.Text != "" {
			text = strings.Replace(text, `"`+e.Key+`"`, `"`+prefix+e.Key+`"`, 1)
		} else if prefix != "" {
			e.Key = prefix + e.Key
			text = e.Error()
			e.Key = strings.TrimPrefix(e.Key, prefix)
		}
		v.add(prefix+e.Key, text)
	}
}

func (v *validation) isList(i int) bool {
	d := v.infos.Configs[i].Definition
	return d != nil && d.Type == string(connect.TypeConfigList)
}

func (v *validation) add(key, text string) {
	i, ok := v.index[key]
	if !ok {
		i = len(v.infos.Configs)
		v.index[key] = i
		val := ConfigValue{Name: key, Recommended: []string{}, Errors: []string{}, Visible: true}
		if set, ok := v.props[key]; ok {
			val.Value = &set
		}
		v.infos.Configs = append(v.infos.Configs, ConfigInfo{nil, val})
	}
	e := &v.infos.Configs[i].Value.Errors
	*e = append(*e, text)
}

// checkFramework checks rules across the framework's keys.
func (v *validation) checkFramework(kind connect.PluginKind) {
	if name, ok := v.props["name"]; ok && strings.TrimSpace(name) == "" {
		i := v.index["name"]
		v.infos.Configs[i].Value.Errors = []string{"Invalid value  for configuration name: String may not be empty"}
	}
	if kind != connect.KindSink {
		return
	}
	topics, regex := strings.TrimSpace(v.props["topics"]), strings.TrimSpace(v.props["topics.regex"])
	switch {
	case topics == "" && regex == "":
		v.add("topics", "Must configure one of topics or topics.regex")
		v.add("topics.regex", "Must configure one of topics or topics.regex")
	case topics != "" && regex != "":
		text := "topics and topics.regex are mutually exclusive options, but both are set."
		v.add("topics", text)
		v.add("topics.regex", text)
	}
	v.checkErrorTopic(topics, regex)
}

func (v *validation) checkErrorTopic(topics, regex string) {
	dlq := strings.TrimSpace(v.props["errors.deadletterqueue.topic.name"])
	if dlq == "" {
		return
	}
	var list []string
	for _, t := range strings.Split(topics, ",") {
		list = append(list, strings.TrimSpace(t))
	}
	if slices.Contains(list, dlq) {
		v.add("topics", fmt.Sprintf("The DLQ topic '%s' may not be included in the list of topics ('topics=%v') consumed by the connector", dlq, "["+strings.Join(list, ", ")+"]"))
	}
	if re, err := regexp.Compile("^(?:" + regex + ")$"); regex != "" && err == nil && re.MatchString(dlq) {
		v.add("topics.regex", fmt.Sprintf("The DLQ topic '%s' may not be matched by the regex ('topics.regex=%s') of the topics consumed by the connector", dlq, regex))
	}
}

// javaMap prints a map as Java does, in the order of its keys.
func javaMap(props map[string]string) string {
	parts := make([]string, 0, len(props))
	for _, k := range slices.Sorted(maps.Keys(props)) {
		parts = append(parts, k+"="+props[k])
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Describe describes keys as GET /connector-plugins/{plugin}/config does.
func Describe(keys []connect.ConfigKey) []*Definition {
	out := make([]*Definition, len(keys))
	place := map[string]int{}
	for i := range keys {
		out[i] = define(&keys[i], "", place[keys[i].Group])
		place[keys[i].Group]++
	}
	return out
}
