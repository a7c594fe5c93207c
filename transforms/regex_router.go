// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/connectd/connectd/connect"
)

// regexRouterPlugin introduces RegexRouter.
func regexRouterPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "org.apache.kafka.connect.transforms.RegexRouter",
			Doc:   "Gives a record another topic, by a regular expression on its topic.",
			Config: connect.Define(
				connect.ConfigKey{Name: "regex", Type: connect.TypeConfigString, Required: true, Check: connect.IsRegex, Importance: connect.ImportanceHigh,
					Doc: "Regular expression that the whole topic must match; others keep their topic."},
				connect.ConfigKey{Name: "replacement", Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceHigh,
					Doc: "What the first match becomes: $1 or ${name} stands for a group, a backslash before a character for the character."},
			),
			Validate: func(c connect.Config) connect.ConfigErrors {
				re, err := regexp.Compile(c.String("regex"))
				if err != nil {
					return nil // the key's own check has said so
				}
				if _, err := parseReplacement(re, c.String("replacement")); err != nil {
					return connect.ConfigErrors{{Key: "replacement", Value: c.String("replacement"), Rule: err.Error()}}
				}
				return nil
			},
		},
		New: newRegexRouter,
	}
}

// regexRouter is RegexRouter. The topics of a job are few: what became of each is
// kept.
type regexRouter struct {
	whole, re   *regexp.Regexp
	replacement []segment
	known       map[string]string
}

// maxKnownTopics bounds what a regexRouter keeps.
const maxKnownTopics = 10_000

func newRegexRouter(t connect.TransformContext) (connect.Transform, error) {
	return compileRegexRouter("regex", t.Config.String("regex"), "replacement", t.Config.String("replacement"))
}

// compileRegexRouter names the keys that the texts come from in its errors.
func compileRegexRouter(regexKey, regex, replacementKey, replacement string) (*regexRouter, error) {
	re, err := regexp.Compile(regex)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", regexKey, err)
	}
	whole, err := wholeMatch(regex)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", regexKey, err)
	}
	segments, err := parseReplacement(re, replacement)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", replacementKey, err)
	}
	return &regexRouter{whole: whole, re: re, replacement: segments, known: map[string]string{}}, nil
}

// wholeMatch compiles a pattern for Java's matches: the whole text or nothing.
func wholeMatch(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// Apply renames the topic. A record whose topic is renamed to nothing is refused.
func (r *regexRouter) Apply(_ *connect.Context, rec *connect.Record, emit connect.Emit) error {
	topic := r.topic(rec.Topic)
	if topic == "" {
		return connect.DataErrorf("route by regex: the replacement makes an empty topic of %q", rec.Topic)
	}
	if topic != rec.Topic {
		rec.Topic = topic
	}
	emit(rec)
	return nil
}

// topic returns what a topic is renamed to; a topic that does not match stays.
func (r *regexRouter) topic(old string) string {
	topic, ok := r.known[old]
	if !ok {
		topic = r.rename(old)
		if len(r.known) >= maxKnownTopics {
			clear(r.known)
		}
		r.known[strings.Clone(old)] = topic
	}
	return topic
}

// rename is Java's matches and then replaceFirst, which looks for the first match
// anew: it may be shorter than the whole.
func (r *regexRouter) rename(topic string) string {
	if !r.whole.MatchString(topic) {
		return strings.Clone(topic)
	}
	m := r.re.FindStringSubmatchIndex(topic)
	if m == nil {
		return strings.Clone(topic)
	}
	var b strings.Builder
	b.WriteString(topic[:m[0]])
	for _, s := range r.replacement {
		b.WriteString(s.text)
		if s.group >= 0 && m[2*s.group] >= 0 {
			b.WriteString(topic[m[2*s.group]:m[2*s.group+1]])
		}
	}
	b.WriteString(topic[m[1]:])
	return b.String()
}

// segment is a text followed by a group; group -1 is none.
type segment struct {
	text  string
	group int
}

// parseReplacement reads a replacement by the rules of Java's appendReplacement: of
// $12 the second digit counts only if there are twelve groups.
func parseReplacement(re *regexp.Regexp, s string) ([]segment, error) {
	var out []segment
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 == len(s):
			return nil, errors.New("a character is missing after the backslash")
		case s[i] == '\\':
			i++
			text.WriteByte(s[i])
		case s[i] != '$':
			text.WriteByte(s[i])
		default:
			group, used, err := parseGroup(re, s[i+1:])
			if err != nil {
				return nil, err
			}
			out = append(out, segment{text.String(), group})
			text.Reset()
			i += used
		}
	}
	return append(out, segment{text.String(), -1}), nil
}

// parseGroup reads what follows a $ and returns the group and the bytes used.
func parseGroup(re *regexp.Regexp, s string) (group, used int, err error) {
	if strings.HasPrefix(s, "{") {
		name, _, closed := strings.Cut(s[1:], "}")
		if !closed {
			return 0, 0, errors.New("${ is not closed")
		}
		if group = re.SubexpIndex(name); group < 0 {
			return 0, 0, fmt.Errorf("the regex has no group named %q", name)
		}
		return group, len(name) + 2, nil
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, 0, errors.New(`$ needs the number or the {name} of a group; write \$ for the character`)
	}
	group = int(s[0] - '0')
	if group > re.NumSubexp() {
		return 0, 0, fmt.Errorf("the regex has no group %d", group)
	}
	for used = 1; used < len(s) && s[used] >= '0' && s[used] <= '9'; used++ {
		next := group*10 + int(s[used]-'0')
		if next > re.NumSubexp() {
			break
		}
		group = next
	}
	return group, used, nil
}
