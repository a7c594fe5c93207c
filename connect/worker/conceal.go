// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
)

// leastSecret is the length from which a value is looked for within texts: a shorter
// one would be found everywhere.
const leastSecret = 4

// secret is a value that must not be shown, and what is shown for it.
type secret struct{ value, shown string }

// secrets are the values of one configuration that must not be shown: what providers
// made of placeholders, and the values of secret keys.
type secrets []secret

// secretsOf gathers the secrets of a configuration: as it is written, and resolved.
func (w *Worker) secretsOf(written, resolved map[string]string) secrets {
	var out secrets
	keys := w.secretKeys(written)
	for k, value := range resolved {
		text, known := written[k]
		switch {
		case len(value) < leastSecret:
		case known && text != value:
			out = append(out, placeholders(text, value)...)
		case isSecret(k) || slices.Contains(keys, k):
			out = append(out, secret{value, connect.Hidden})
		}
	}
	// The longest first, so that one within another leaves no rest.
	slices.SortFunc(out, func(a, b secret) int {
		return cmp.Or(cmp.Compare(len(b.value), len(a.value)), strings.Compare(a.value, b.value), strings.Compare(a.shown, b.shown))
	})
	return out
}

// placeholders returns the whole of a resolved value, and what a single placeholder
// within other text became.
func placeholders(text, value string) secrets {
	out := secrets{{value, text}}
	at := placeholder.FindStringIndex(text)
	if at == nil {
		return out
	}
	before, after := text[:at[0]], text[at[1]:]
	inner, ok := strings.CutPrefix(value, before)
	if !ok {
		return out
	}
	if inner, ok = strings.CutSuffix(inner, after); ok && inner != value && len(inner) >= leastSecret {
		out = append(out, secret{inner, text[at[0]:at[1]]})
	}
	return out
}

// hide puts what is shown in the place of each secret.
func (s secrets) hide(text string) string {
	for _, x := range s {
		text = strings.ReplaceAll(text, x.value, x.shown)
	}
	return text
}

// hideIn hides the secrets of an error's text; a Problem keeps its status.
func (s secrets) hideIn(err error) error {
	var p *Problem
	switch {
	case err == nil || s.hide(err.Error()) == err.Error():
		return err
	case errors.As(err, &p):
		return &Problem{p.Status, s.hide(p.Message)}
	default:
		return errors.New(s.hide(err.Error()))
	}
}

// conceal takes the secrets out of an answer: values are shown as they are written.
func (i *ConfigInfos) conceal(s secrets, written map[string]string) {
	i.Name = s.hide(i.Name)
	for n := range i.Configs {
		v := &i.Configs[n].Value
		if text, ok := written[v.Name]; ok && v.Value != nil && *v.Value != connect.Hidden && placeholder.MatchString(text) {
			v.Value = &text
		}
		for e := range v.Errors {
			v.Errors[e] = s.hide(v.Errors[e])
		}
	}
	for n := range i.Warnings {
		i.Warnings[n] = s.hide(i.Warnings[n])
	}
}

// validated resolves a configuration and validates it as this worker does. Neither
// the answer nor the error shows what it was resolved to.
func (w *Worker) validated(config map[string]string) (*ConfigInfos, error) {
	resolved, err := w.o.Providers.Resolve(config)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	hidden := w.secretsOf(config, resolved)
	infos, err := validate(w.o.Plugins, w.o.Override, w.o.Settings.Converters, resolved)
	if err != nil {
		return nil, hidden.hideIn(err)
	}
	w.checkGroup(infos, config)
	infos.conceal(hidden, config)
	return infos, nil
}

// hidden are the secrets of the configuration that the connector runs with.
func (c *connector) hidden() secrets { return c.w.secretsOf(c.config, c.resolved) }

// masked is a configuration for messages, without the values of secret keys.
func masked(props map[string]string) map[string]string {
	out := maps.Clone(props)
	for k := range out {
		if isSecret(k) || strings.Contains(strings.ToLower(k), "pass") {
			out[k] = connect.Hidden
		}
	}
	return out
}
