// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/topics"
)

// TaskID names a task.
type TaskID struct {
	Connector string `json:"connector"`
	Task      int    `json:"task"`
}

// Info is a connector as answers describe it. Secrets are masked.
type Info struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
	Tasks  []TaskID          `json:"tasks"`
	Type   string            `json:"type"`
}

// Names returns the connectors, sorted.
func (w *Worker) Names() []string { return w.config.Names() }

// Info describes a connector.
func (w *Worker) Info(name string) (Info, error) {
	s, ok := w.config.Connector(name)
	if !ok {
		return Info{}, notFound("Connector %s not found", name)
	}
	return w.info(name, s), nil
}

func (w *Worker) info(name string, s topics.ConnectorState) Info {
	out := Info{Name: name, Config: w.mask(s.Config), Tasks: []TaskID{}, Type: w.typeOf(s.Config["connector.class"])}
	for i := range s.Tasks {
		out.Tasks = append(out.Tasks, TaskID{name, i})
	}
	return out
}

// Create makes a connector. target is the state to begin with; "" is STARTED.
func (w *Worker) Create(ctx context.Context, name string, config map[string]string, target topics.Target) (Info, error) {
	if err := w.probed(ctx, name, config); err != nil {
		return Info{}, err
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	name = strings.TrimSpace(name)
	config = maps.Clone(config)
	if err := nameFits(name, config); err != nil {
		return Info{}, err
	}
	if err := w.check(config); err != nil {
		return Info{}, err
	}
	if _, exists := w.config.Connector(name); exists {
		return Info{}, conflict("Connector %s already exists", name)
	}
	if target == "" {
		target = topics.Started
	}
	if err := w.config.PutConnector(ctx, name, config, target); err != nil {
		return Info{}, internal("%v", err)
	}
	s := topics.ConnectorState{Config: config}
	return w.info(name, s), nil
}

// nameFits sets the name in the configuration, or refuses another one.
func nameFits(name string, config map[string]string) error {
	if other, ok := config["name"]; ok && other != name {
		return badRequest("Connector name configuration (%s) doesn't match connector name in the URL (%s)", other, name)
	}
	config["name"] = name
	return nil
}

// check validates a configuration and gathers its mistakes into one error.
func (w *Worker) check(config map[string]string) error {
	infos, err := w.validated(config)
	if err != nil {
		return err
	}
	for _, warning := range infos.Warnings {
		w.log.Warn("the configuration has a key that nothing declares", "connector", config["name"], "warning", warning)
	}
	return refusal(infos)
}

// refusal gathers the mistakes of an answer into one error; nil if there are none.
func refusal(infos *ConfigInfos) error {
	if errs := infos.Errors(); len(errs) > 0 {
		return badRequest("Connector configuration is invalid and contains the following %d error(s):\n%s\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
			len(errs), strings.Join(errs, "\n"))
	}
	return nil
}

// checkGroup refuses a sink whose consumer group would be the worker's own.
func (w *Worker) checkGroup(infos *ConfigInfos, config map[string]string) {
	if w.typeOf(config["connector.class"]) != typeSink {
		return
	}
	key, group := "name", "connect-"+config["name"]
	if g, ok := config["consumer.override.group.id"]; ok {
		key, group = "consumer.override.group.id", g
	}
	if group != w.o.Group {
		return
	}
	for i := range infos.Configs {
		if v := &infos.Configs[i].Value; v.Name == key {
			v.Errors = append(v.Errors, fmt.Sprintf("Consumer group for sink connector named %s conflicts with Connect worker group %s", config["name"], w.o.Group))
			infos.ErrorCount++
			return
		}
	}
	infos.Configs = append(infos.Configs, ConfigInfo{Value: ConfigValue{Name: key, Errors: []string{"Consumer group conflicts with Connect worker group " + w.o.Group}}})
}

// Put creates a connector or replaces its configuration.
func (w *Worker) Put(ctx context.Context, name string, config map[string]string) (info Info, created bool, err error) {
	if err := w.probed(ctx, name, config); err != nil {
		return Info{}, false, err
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	config = maps.Clone(config)
	if err := nameFits(name, config); err != nil {
		return Info{}, false, err
	}
	old, exists := w.config.Connector(name)
	unmask(config, old.Config)
	info, err = w.put(ctx, name, config, old, exists)
	return info, !exists, err
}

func (w *Worker) put(ctx context.Context, name string, config map[string]string, old topics.ConnectorState, exists bool) (Info, error) {
	if err := w.check(config); err != nil {
		return Info{}, err
	}
	if !exists || !maps.Equal(old.Config, config) {
		if err := w.config.PutConnector(ctx, name, config, ""); err != nil {
			return Info{}, internal("%v", err)
		}
	}
	old.Config = config
	return w.info(name, old), nil
}

// Patch changes some keys: nil removes one.
func (w *Worker) Patch(ctx context.Context, name string, patch map[string]*string) (Info, error) {
	if err := w.probed(ctx, name, w.patched(name, patch)); err != nil {
		return Info{}, err
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	old, exists := w.config.Connector(name)
	if !exists {
		return Info{}, notFound("Connector %s not found", name)
	}
	config := w.patched(name, patch)
	unmask(config, old.Config)
	if err := nameFits(name, config); err != nil {
		return Info{}, err
	}
	return w.put(ctx, name, config, old, true)
}

// unmask puts the stored secrets back where an answer's mask was sent in again.
func unmask(config, stored map[string]string) {
	for k, v := range config {
		if s, ok := stored[k]; ok && v == connect.Hidden {
			config[k] = s
		}
	}
}

// mask hides the values of secret keys; placeholders are no secrets.
func (w *Worker) mask(config map[string]string) map[string]string {
	out := maps.Clone(config)
	secrets := w.secretKeys(config)
	for k, v := range config {
		if (isSecret(k) || slices.Contains(secrets, k)) && v != "" && !placeholder.MatchString(v) {
			out[k] = connect.Hidden
		}
	}
	return out
}

// secretKeys are the PASSWORD keys that the configuration's plugins declare.
func (w *Worker) secretKeys(config map[string]string) []string {
	var out []string
	add := func(info *connect.PluginInfo, prefix string) {
		for _, k := range info.Config.Keys() {
			if k.Type == connect.TypeConfigPassword {
				out = append(out, prefix+k.Name)
			}
		}
	}
	if _, info := findConnector(w.o.Plugins, config["connector.class"]); info != nil {
		add(info, "")
	}
	for _, alias := range list(config["transforms"]) {
		if p := w.o.Plugins.Transform(config["transforms."+alias+".type"]); p != nil {
			add(&p.PluginInfo, "transforms."+alias+".")
		}
	}
	for _, key := range converterKeys {
		if p := w.o.Plugins.Converter(config[key]); p != nil {
			add(&p.PluginInfo, key+".")
		}
	}
	return out
}

// Delete removes a connector and returns when its tasks have ended. Offsets stay.
// Other connectors can be administrated while it waits.
func (w *Worker) Delete(ctx context.Context, name string) error {
	ended, err := w.forget(ctx, name)
	if err != nil {
		return err
	}
	return ended(ctx)
}

// forget removes a connector from the config topic and returns a function that waits
// until all of it has ended.
func (w *Worker) forget(ctx context.Context, name string) (ended func(context.Context) error, err error) {
	w.changes.Lock()
	defer w.changes.Unlock()
	if _, exists := w.config.Connector(name); !exists {
		return nil, notFound("Connector %s not found", name)
	}
	ended = w.removal(name)
	if err := w.config.DeleteConnector(ctx, name); err != nil {
		return nil, internal("%v", err)
	}
	return ended, nil
}

// SetTarget pauses, resumes or stops a connector.
func (w *Worker) SetTarget(ctx context.Context, name string, target topics.Target) error {
	w.changes.Lock()
	defer w.changes.Unlock()
	s, exists := w.config.Connector(name)
	if !exists {
		return notFound("Unknown connector %s", name)
	}
	if s.Target == target {
		return nil
	}
	if err := w.config.PutTarget(ctx, name, target); err != nil {
		return internal("%v", err)
	}
	return nil
}

// Restart restarts a connector's instance, its tasks, or those that failed, and
// returns the status with RESTARTING in what is chosen.
func (w *Worker) Restart(ctx context.Context, r topics.Restart) (Status, error) {
	if _, exists := w.config.Connector(r.Connector); !exists {
		return Status{}, notFound("Unknown connector: %s", r.Connector)
	}
	status, err := w.Status(r.Connector)
	if err != nil {
		return Status{}, notFound("Status for connector %s not found", r.Connector)
	}
	status.markRestarting(r)
	if err := w.config.PutRestart(ctx, r); err != nil {
		return Status{}, internal("%v", err)
	}
	return status, nil
}

// RestartTask restarts one task.
func (w *Worker) RestartTask(_ context.Context, name string, task int) error {
	s, exists := w.config.Connector(name)
	if !exists {
		return notFound("Unknown connector: %s", name)
	}
	if task < 0 || task >= len(s.Tasks) {
		return notFound("Unknown task: %s-%d", name, task)
	}
	w.wakeTask(name, task)
	return nil
}

// Topics returns the topics that a connector uses.
func (w *Worker) Topics(name string) ([]string, error) {
	if !w.o.Tracking {
		return nil, &Problem{403, "Topic tracking is disabled."}
	}
	return append([]string{}, w.status.Topics(name)...), nil
}

// ResetTopics forgets the topics that a connector uses.
func (w *Worker) ResetTopics(ctx context.Context, name string) error {
	switch {
	case !w.o.Tracking:
		return &Problem{403, "Topic tracking is disabled."}
	case !w.o.TrackingReset:
		return &Problem{403, "Topic tracking reset is disabled."}
	}
	if err := w.status.DeleteTopics(ctx, name); err != nil {
		return internal("%v", err)
	}
	return nil
}

// Validate is the answer to PUT /connector-plugins/{plugin}/config/validate.
func (w *Worker) Validate(ctx context.Context, plugin string, config map[string]string) (*ConfigInfos, error) {
	class, ok := config["connector.class"]
	if ok && !sameConnector(w.o.Plugins, class, plugin) {
		return nil, badRequest("Included connector type %s does not match request type %s", class, plugin)
	}
	infos, err := w.validated(config)
	var p *Problem
	if errors.As(err, &p) {
		return nil, internal("org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s", p.Message)
	}
	if err == nil && infos.ErrorCount == 0 {
		w.probe(ctx, infos, config)
	}
	return infos, err
}

// sameConnector reports whether the class of a configuration is meant by the plugin's
// name in the path.
func sameConnector(plugins *connect.Plugins, class, plugin string) bool {
	_, a := findConnector(plugins, class)
	_, b := findConnector(plugins, plugin)
	if a == nil || b == nil {
		return a == b && strings.HasSuffix(class, plugin)
	}
	return a == b
}
