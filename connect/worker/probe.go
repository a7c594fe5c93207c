// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"maps"
	"strings"

	"github.com/connectd/connectd/connect"
)

// probed refuses a new configuration with which the connector could not begin as the
// world is now: it asks the plugin's Probe, which may connect to a server. It is called
// without a lock, as that may take its time; what is wrong with the configuration
// itself is left to check, which follows.
func (w *Worker) probed(ctx context.Context, name string, config map[string]string) error {
	old, exists := w.config.Connector(strings.TrimSpace(name))
	config = maps.Clone(config)
	config["name"] = strings.TrimSpace(name)
	unmask(config, old.Config)
	if exists && maps.Equal(old.Config, config) {
		return nil
	}
	infos, err := w.validated(config)
	if err != nil || infos.ErrorCount > 0 {
		return nil
	}
	w.probe(ctx, infos, config)
	return refusal(infos)
}

// patched is the configuration that a patch leads to, of a connector that exists.
func (w *Worker) patched(name string, patch map[string]*string) map[string]string {
	old, _ := w.config.Connector(name)
	config := map[string]string{}
	maps.Copy(config, old.Config)
	for k, v := range patch {
		if v == nil {
			delete(config, k)
		} else {
			config[k] = *v
		}
	}
	return config
}

// probe adds what a look at the world finds to an answer that has no mistakes so far.
func (w *Worker) probe(ctx context.Context, infos *ConfigInfos, config map[string]string) {
	resolved, err := w.o.Providers.Resolve(config)
	if err != nil {
		return
	}
	var look func(context.Context, connect.Config) connect.ConfigErrors
	var keys *connect.ConfigDef
	class := config["connector.class"]
	if p := w.o.Plugins.Source(class); p != nil {
		look, keys = p.Probe, p.Config
	} else if p := w.o.Plugins.Sink(class); p != nil {
		look, keys = p.Probe, p.Config
	}
	if look == nil {
		return
	}
	parsed, errs := keys.Parse(resolved)
	if len(errs) > 0 {
		return
	}
	hidden := w.secretsOf(config, resolved)
	for _, e := range look(ctx, parsed) {
		infos.add(e.Key, hidden.hide(e.Error()))
	}
}

// add adds a mistake to a key.
func (i *ConfigInfos) add(key, text string) {
	i.ErrorCount++
	for n := range i.Configs {
		if v := &i.Configs[n].Value; v.Name == key {
			v.Errors = append(v.Errors, text)
			return
		}
	}
	i.Configs = append(i.Configs, ConfigInfo{Value: ConfigValue{Name: key, Recommended: []string{}, Errors: []string{text}, Visible: true}})
}
