// SPDX-License-Identifier: Apache-2.0

package server

import (
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/avro"
)

// settingNames are the members of a configuration in the order of the original. All but
// the first two are only kept for the original.
const (
	levelSetting     = "compatibilityLevel"
	normalizeSetting = "normalize"
)

var settingNames = []string{"alias", normalizeSetting, "validateFields", "validateRules", levelSetting,
	"compatibilityGroup", "defaultMetadata", "overrideMetadata", "defaultRuleSet", "overrideRuleSet"}

// The compatibility levels.
const (
	levelNone               = "NONE"
	levelBackward           = "BACKWARD"
	levelBackwardTransitive = "BACKWARD_TRANSITIVE"
	levelForward            = "FORWARD"
	levelForwardTransitive  = "FORWARD_TRANSITIVE"
	levelFull               = "FULL"
	levelFullTransitive     = "FULL_TRANSITIVE"
)

var levels = []string{levelNone, levelBackward, levelBackwardTransitive, levelForward, levelForwardTransitive, levelFull, levelFullTransitive}

// The modes.
const (
	modeReadWrite        = "READWRITE"
	modeReadOnly         = "READONLY"
	modeReadOnlyOverride = "READONLY_OVERRIDE"
	modeImport           = "IMPORT"
)

var modes = []string{modeReadWrite, modeReadOnly, modeReadOnlyOverride, modeImport}

// settingsOf takes the known members of a stored configuration; a level that is none
// is left open.
func settingsOf(v *avro.JSON) settings {
	var c settings
	for _, name := range settingNames {
		value := presentOf(v.Get(name))
		if value == nil || name == levelSetting && !slices.Contains(levels, strings.ToUpper(textOf(value))) {
			continue
		}
		c = append(c, member(name, value))
	}
	return c
}

func (c settings) get(name string) *avro.JSON {
	for _, m := range c {
		if m.Name == name {
			return m.Value
		}
	}
	return nil
}

// over returns the settings of c, and those of below that c leaves open.
func (c settings) over(below settings) settings {
	var merged settings
	for _, name := range settingNames {
		if v := c.get(name); v != nil {
			merged = append(merged, member(name, v))
		} else if v := below.get(name); v != nil {
			merged = append(merged, member(name, v))
		}
	}
	return merged
}

func (c settings) level() string { return strings.ToUpper(textOf(c.get(levelSetting))) }

func (c settings) normalizes() bool {
	v := c.get(normalizeSetting)
	return v != nil && v.Bool
}

// updateSettings reads the body of a request that changes a configuration.
func updateSettings(body *avro.JSON) (settings, error) {
	var c settings
	for _, name := range settingNames {
		value := presentOf(body.Get(name))
		switch {
		case name == levelSetting:
			if value = presentOf(body.Get("compatibility")); value == nil {
				continue
			}
			level := strings.ToUpper(textOf(value))
			if !slices.Contains(levels, level) {
				return nil, invalidLevel()
			}
			value = avro.StringJSON(level)
		case value == nil || value.Kind == avro.JSONBool && !value.Bool && name != normalizeSetting:
			continue
		case name != normalizeSetting:
			return nil, notPermitted("Setting '%s' is not supported by this registry", name)
		case value.Kind != avro.JSONBool:
			return nil, fail(400, "Setting '%s' is true or false, not %s", name, value)
		}
		c = append(c, member(name, value))
	}
	return c, nil
}

// answer is a configuration as a request's answer shows it.
func (c settings) answer(levelName string) *avro.JSON {
	v := object()
	for _, m := range c {
		if m.Name == levelSetting {
			m.Name = levelName
		}
		v.Members = append(v.Members, m)
	}
	return v
}

// config returns the configuration of a subject, of a context, or for "" the global one,
// which always exists.
func (s *state) config(subject, fallback string) (settings, bool) {
	c, ok := s.configs[subject]
	if subject == "" || ok {
		return c.over(settings{member(levelSetting, avro.StringJSON(fallback))}), true
	}
	return nil, false
}

// configInScope returns what is in force for a subject: its own settings over those of
// its context or the global ones.
func (s *state) configInScope(subject, fallback string) settings {
	above := s.configs[delimited(subject)]
	c := s.configs[subject].over(above)
	if contextOf(subject) != defaultContext {
		c = c.over(s.configs[""])
	}
	return c.over(settings{member(levelSetting, avro.StringJSON(fallback))})
}

func (s *state) modeOf(subject string) (string, bool) {
	m, ok := s.modes[subject]
	if !ok && subject == "" {
		return modeReadWrite, true
	}
	return m, ok
}

func (s *state) modeInScope(subject string) string {
	global, _ := s.modeOf("")
	if global == modeReadOnlyOverride {
		return global
	}
	if m, ok := s.modes[subject]; ok {
		return m
	}
	if m, ok := s.modes[delimited(subject)]; ok {
		return m
	}
	return modeReadWrite
}

func (s *state) readOnly(subject string) bool {
	m := s.modeInScope(subject)
	return m == modeReadOnly || m == modeReadOnlyOverride
}

func readOnlyFailure(subject string) error {
	shown := subject
	if subject == "" {
		shown = "null"
	}
	return notPermitted("Subject %s in context %s is in read-only mode", shown, delimited(subject))
}
