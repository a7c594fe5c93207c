// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

func newPlugins() *cobra.Command {
	return &cobra.Command{
		Use:   "plugins [NAME]",
		Short: "List connectors, transforms, predicates and converters, or the keys of one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all := describeAll(builtIn(&kafka.Clusters{}, &registry{url: defaultRegistry}))
			if len(args) == 0 {
				return listPlugins(cmd.OutOrStdout(), all)
			}
			return showPlugin(cmd.OutOrStdout(), all, args[0])
		},
	}
}

// described is a plugin with its kind.
type described struct {
	kind connect.PluginKind
	info *connect.PluginInfo
}

func describeAll(p *connect.Plugins) []described {
	var out []described
	for i := range p.Sources {
		out = append(out, described{connect.KindSource, &p.Sources[i].PluginInfo})
	}
	for i := range p.Sinks {
		out = append(out, described{connect.KindSink, &p.Sinks[i].PluginInfo})
	}
	for i := range p.Transforms {
		out = append(out, described{connect.KindTransformation, &p.Transforms[i].PluginInfo})
	}
	for i := range p.Predicates {
		out = append(out, described{connect.KindPredicate, &p.Predicates[i].PluginInfo})
	}
	for i := range p.Converters {
		out = append(out, described{connect.KindConverter, &p.Converters[i].PluginInfo})
	}
	return out
}

func listPlugins(w io.Writer, all []described) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, d := range all {
		fmt.Fprintf(t, "%s\t%s\t%s\n", d.kind, d.info.Class, d.info.Doc)
	}
	return t.Flush()
}

func showPlugin(w io.Writer, all []described, name string) error {
	var names []string
	found := false
	for _, d := range all {
		names = append(append(names, connect.SimpleName(d.info.Class)), d.info.Aliases...)
		names = append(names, strings.TrimSuffix(connect.SimpleName(d.info.Class), "Connector"))
		if !d.info.Matches(d.kind, name) {
			continue
		}
		found = true
		if err := describe(w, d); err != nil {
			return err
		}
	}
	if found {
		return nil
	}
	hint := "connectd plugins lists all of them"
	if near := connect.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return configError("no plugin has the name %q (%s)", name, hint)
}

func describe(w io.Writer, d described) error {
	fmt.Fprintf(w, "%s (%s, version %s)\n%s\n", d.info.Class, d.kind, d.info.Version, d.info.Doc)
	if len(d.info.Aliases) > 0 {
		fmt.Fprintf(w, "Other names: %s\n", strings.Join(d.info.Aliases, ", "))
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, k := range d.info.Config.Keys() {
		def := k.Default
		switch {
		case k.Required:
			def = "(required)"
		case k.Null:
			def = "(not set)"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", k.Name, strings.ToLower(string(k.Type)), def, k.Doc)
	}
	return t.Flush()
}
