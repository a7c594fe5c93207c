// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// OverridePolicy is connector.client.config.override.policy.
type OverridePolicy struct {
	// Name is All, None, Principal or Allowlist.
	Name string
	// Allowed are the client settings that Allowlist admits.
	Allowed []string
}

var overridePrefixes = []string{"producer.override.", "consumer.override.", "admin.override."}

// principalKeys are what the policy Principal admits.
var principalKeys = []string{"sasl.jaas.config", "sasl.mechanism", "security.protocol"}

// refuses reports whether a client setting may not be overridden.
func (p OverridePolicy) refuses(key string) bool {
	switch p.Name {
	case "None":
		return true
	case "Principal":
		return !slices.Contains(principalKeys, key)
	case "Allowlist":
		return !slices.Contains(p.Allowed, key)
	default:
		return false
	}
}

// overrides checks the client settings of a connector against the policy.
func (v *validation) overrides(policy OverridePolicy) {
	v.known = append(v.known, overridePrefixes...)
	for _, key := range slices.Sorted(maps.Keys(v.props)) {
		value := v.props[key]
		for _, prefix := range overridePrefixes {
			rest, ok := strings.CutPrefix(key, prefix)
			if !ok || !policy.refuses(rest) {
				continue
			}
			if isSecret(rest) {
				value = connect.Hidden
			}
			v.add(key, connect.ConfigError{Key: key, Value: value, Rule: "the worker's policy " + policy.Name + " does not allow '" + rest + "' to be overridden in the connector configuration"}.Error())
		}
	}
}

// isSecret reports whether a client setting holds a secret by its name.
func isSecret(key string) bool {
	for _, part := range []string{"password", "secret", "jaas", "ssl.keystore.key", "token", "basic.auth.user.info"} {
		if strings.Contains(strings.ToLower(key), part) {
			return true
		}
	}
	return false
}
