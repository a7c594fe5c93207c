// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Provider resolves ${name:path:key}: ok is false for what it does not know.
type Provider func(path, key string) (value string, ok bool, err error)

// Providers resolve placeholders, by the names that config.providers gives them.
// Placeholders are resolved on the way into connectors and tasks, never stored.
type Providers map[string]Provider

var placeholder = regexp.MustCompile(`\$\{([^}:]*):(?:([^}:]*):)?([^}]*)\}`)

// NewProviders makes the providers of worker settings. parse reads a properties file.
func NewProviders(names []string, props map[string]string, parse func(string) (map[string]string, error)) (Providers, connect.ConfigErrors) {
	out := Providers{}
	var errs connect.ConfigErrors
	for _, name := range names {
		prefix := "config.providers." + name + "."
		class := props[prefix+"class"]
		params := connect.WithPrefix(props, prefix+"param.")
		switch connect.SimpleName(class) {
		case "FileConfigProvider":
			out[name] = fileProvider(allowedPaths(params), parse)
		case "DirectoryConfigProvider":
			out[name] = directoryProvider(allowedPaths(params))
		case "EnvVarConfigProvider":
			pattern, err := regexp.Compile("^(?:" + params["allowlist.pattern"] + ")$")
			if err != nil {
				errs = append(errs, connect.ConfigError{Key: prefix + "param.allowlist.pattern", Value: params["allowlist.pattern"], Rule: "Invalid regex: " + err.Error()})
				continue
			}
			if params["allowlist.pattern"] == "" {
				pattern = nil
			}
			out[name] = envProvider(pattern)
		default:
			e := connect.ConfigError{Key: prefix + "class", Value: class, Rule: "Class " + class + " could not be found."}
			if near := connect.Nearest(connect.SimpleName(class), []string{"FileConfigProvider", "EnvVarConfigProvider", "DirectoryConfigProvider"}); near != "" {
				e.Hint = "did you mean " + near + "?"
			}
			errs = append(errs, e)
		}
	}
	return out, errs
}

func allowedPaths(params map[string]string) []string { return list(params["allowed.paths"]) }

// within reports whether a path is below one of the allowed ones; none allows all.
func within(path string, allowed []string) bool {
	clean, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	return len(allowed) == 0 || slices.ContainsFunc(allowed, func(a string) bool {
		rel, err := filepath.Rel(a, clean)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
	})
}

func fileProvider(allowed []string, parse func(string) (map[string]string, error)) Provider {
	return func(path, key string) (string, bool, error) {
		if !within(path, allowed) {
			return "", false, nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", false, fmt.Errorf("resolve a placeholder: %w", err)
		}
		props, err := parse(string(text))
		if err != nil {
			return "", false, fmt.Errorf("resolve a placeholder: %s: %w", path, err)
		}
		v, ok := props[key]
		return v, ok, nil
	}
}

func directoryProvider(allowed []string) Provider {
	return func(path, key string) (string, bool, error) {
		if !within(path, allowed) || key != filepath.Base(key) {
			return "", false, nil
		}
		text, err := os.ReadFile(filepath.Join(path, key))
		if os.IsNotExist(err) {
			return "", false, nil
		}
		if err != nil {
			return "", false, fmt.Errorf("resolve a placeholder: %w", err)
		}
		return string(text), true, nil
	}
}

func envProvider(allowed *regexp.Regexp) Provider {
	return func(_, key string) (string, bool, error) {
		if allowed != nil && !allowed.MatchString(key) {
			return "", false, nil
		}
		v, ok := os.LookupEnv(key)
		return v, ok, nil
	}
}

// Resolve returns a copy with all placeholders resolved. One that nobody knows stays
// as it is written, as in the original.
func (p Providers) Resolve(props map[string]string) (map[string]string, error) {
	out := maps.Clone(props)
	for k, v := range props {
		resolved, err := p.resolve(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = resolved
	}
	return out, nil
}

func (p Providers) resolve(v string) (string, error) {
	if len(p) == 0 || !strings.Contains(v, "${") {
		return v, nil
	}
	var failed error
	out := placeholder.ReplaceAllStringFunc(v, func(m string) string {
		parts := placeholder.FindStringSubmatch(m)
		provider := p[parts[1]]
		if provider == nil {
			return m
		}
		value, ok, err := provider(parts[2], parts[3])
		if err != nil {
			failed = err
		}
		if err != nil || !ok {
			return m
		}
		return value
	})
	return out, failed
}

// Unresolve puts placeholders back into a task configuration: where it holds the
// resolved value of the connector's key, it gets the text that the user wrote.
func (p Providers) Unresolve(task, written, resolved map[string]string) map[string]string {
	out := maps.Clone(task)
	for k, v := range task {
		if w, ok := written[k]; ok && w != v && resolved[k] == v {
			out[k] = w
		}
	}
	return out
}
