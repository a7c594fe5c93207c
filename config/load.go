// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/connectd/connectd/connect"
)

// Sources says where settings come from; later ones override earlier ones.
type Sources struct {
	// File is a path; .yaml and .yml are YAML, everything else is Java's
	// properties form. "" reads no file.
	File string
	// Env is the environment, in the form of os.Environ.
	Env []string
	// Flags are settings given on the command line.
	Flags map[string]string
	// Strict turns unknown keys into mistakes.
	Strict bool
}

// Settings are the decoded settings of a worker. They are immutable.
type Settings struct {
	connect.Config
}

// Load reads and decodes. Unknown keys come back as warnings unless Strict is set.
// An error that is connect.ConfigErrors lists every mistake; any other error says
// why the file could not be read.
func Load(s Sources) (Settings, connect.ConfigErrors, error) {
	props := make(map[string]string)
	if s.File != "" {
		fromFile, err := readFile(s.File)
		if err != nil {
			return Settings{}, nil, err
		}
		maps.Copy(props, fromFile)
	}
	maps.Copy(props, fromEnv(s.Env))
	maps.Copy(props, s.Flags)
	c, errs := Keys.Parse(props)
	unknown := Keys.Unknown(props, Prefixes...)
	errs = append(errs, checkListeners(c)...)
	if s.Strict {
		errs, unknown = append(errs, unknown...), nil
	}
	return Settings{c}, unknown, errs.OrNil()
}

func readFile(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	var props map[string]string
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml":
		props, err = parseYAML(text)
	default:
		props, err = ParseProperties(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return props, nil
}

// parseYAML flattens nested maps with dots and joins lists with commas, so that
// "offset: {storage: {topic: x}}" and "offset.storage.topic: x" are the same.
func parseYAML(text []byte) (map[string]string, error) {
	var root map[string]any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	props := make(map[string]string)
	if err := flatten(props, "", root); err != nil {
		return nil, err
	}
	return props, nil
}

func flatten(props map[string]string, prefix string, m map[string]any) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := prefix + k
		switch v := m[k].(type) {
		case map[string]any:
			if err := flatten(props, name+".", v); err != nil {
				return err
			}
		case []any:
			parts := make([]string, len(v))
			for i, e := range v {
				parts[i] = fmt.Sprint(e)
			}
			props[name] = strings.Join(parts, ",")
		case nil:
			props[name] = ""
		default:
			if _, twice := props[name]; twice {
				return fmt.Errorf("read YAML: %s is set twice, nested and with dots", name)
			}
			props[name] = fmt.Sprint(v)
		}
	}
	return nil
}

// fromEnv reads CONNECT_GROUP_ID as group.id, as container images of Kafka Connect
// do: one underscore is a dot, two an underscore, three a dash.
func fromEnv(env []string) map[string]string {
	props := make(map[string]string)
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		rest, ours := strings.CutPrefix(name, "CONNECT_")
		if !ok || !ours || rest == "" {
			continue
		}
		props[envKey(rest)] = value
	}
	return props
}

func envKey(name string) string {
	return strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(strings.ToLower(name))
}

func checkListeners(c connect.Config) connect.ConfigErrors {
	var errs connect.ConfigErrors
	for _, l := range c.List("listeners") {
		if _, err := ListenAddress(l); err != nil {
			errs = append(errs, connect.ConfigError{Key: "listeners", Value: l, Rule: err.Error()})
		}
	}
	for _, l := range c.List("admin.listeners") {
		if _, err := ListenAddress(l); err != nil {
			errs = append(errs, connect.ConfigError{Key: "admin.listeners", Value: l, Rule: err.Error()})
		}
	}
	if len(c.List("listeners")) == 0 {
		errs = append(errs, connect.ConfigError{Key: "listeners", Value: "", Rule: "must name at least one address", Hint: "http://127.0.0.1:8083"})
	}
	return errs
}

// ListenAddress turns a listener (http://host:port, host may be empty) into an
// address to listen on. An empty host is loopback: who wants every interface says
// 0.0.0.0.
func ListenAddress(listener string) (string, error) {
	addr, ok := strings.CutPrefix(strings.ToLower(listener), "http://")
	if !ok {
		return "", fmt.Errorf("must have the form http://host:port")
	}
	addr = strings.TrimSuffix(addr, "/")
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return "", fmt.Errorf("must have a port")
	}
	for _, r := range addr[i+1:] {
		if r < '0' || r > '9' {
			return "", fmt.Errorf("must have a number as port")
		}
	}
	if i == 0 {
		return "127.0.0.1" + addr, nil
	}
	return addr, nil
}

// ClientProps returns the settings for Kafka clients of one role (producer,
// consumer, admin): the worker's own client settings, then those with the role's
// prefix.
func (s Settings) ClientProps(role string) map[string]string {
	out := make(map[string]string)
	for k, v := range s.Raw() {
		if isClientKey(k) {
			out[k] = v
		}
	}
	maps.Copy(out, s.WithPrefix(role+"."))
	return out
}

var clientKeys = []string{
	"bootstrap.servers", "client.id", "request.timeout.ms", "retry.backoff.ms", "metadata.max.age.ms", "connections.max.idle.ms",
	"reconnect.backoff.ms", "reconnect.backoff.max.ms", "send.buffer.bytes", "receive.buffer.bytes", "client.dns.lookup",
}

func isClientKey(k string) bool {
	return slices.Contains(clientKeys, k) || strings.HasPrefix(k, "ssl.") || strings.HasPrefix(k, "sasl.") ||
		strings.HasPrefix(k, "security.") || strings.HasPrefix(k, "socket.connection.setup.timeout")
}
