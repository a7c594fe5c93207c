// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strconv"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connectors/postgrescdc/pattern"
)

const (
	postProcessors = "post.processors"
	reselectorType = "io.debezium.processors.reselect.ReselectColumnsPostProcessor"
)

// reselectRules are the settings of the post processor ReselectColumnsPostProcessor.
type reselectRules struct {
	include, exclude pattern.List
	// unavailable and nulls say which values are asked for.
	unavailable, nulls bool
	// eventKey says that rows are found by the key of the record, not the primary key.
	eventKey bool
	// fail says that a row that is gone stops the task.
	fail bool
}

// column reports whether the values of a column are asked for. As in the original, the
// list of those to include counts if both are set.
func (r *reselectRules) column(n tableName, column string) bool {
	name := n.String() + ":" + column
	if len(r.include) > 0 {
		return r.include.Match(name)
	}
	return !r.exclude.Match(name)
}

// reselect reads post.processors; nil means that there are none. The options stand under
// post.processors.NAME., or, as in older releases of the original, under NAME.
func (p *parser) reselect() *reselectRules {
	var out *reselectRules
	for _, name := range strings.Split(p.c.String(postProcessors), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		prefix := postProcessors + "." + name + "."
		options := p.c.WithPrefix(prefix)
		if len(options) == 0 {
			prefix = name + "."
			options = p.c.WithPrefix(prefix)
		}
		switch class := strings.TrimSpace(options["type"]); {
		case class == "":
			p.fail(postProcessors, "the post processor "+name+" has no type", "set "+postProcessors+"."+name+".type="+reselectorType)
		case class != reselectorType:
			p.fail(postProcessors, "the post processor "+name+" is a "+class+": "+noJava, "use a transform; "+reselectorType+" is built in")
		case out != nil:
			p.fail(postProcessors, reselectorType+" is named twice", "join the lists of columns")
		default:
			out = p.reselectOptions(prefix, options)
		}
	}
	return out
}

// reselectKeys are the options. Those of the cache have no effect: a batch asks once
// for each table.
var reselectKeys = []string{
	"reselect.columns.include.list", "reselect.columns.exclude.list", "reselect.unavailable.values", "reselect.null.values", "reselect.use.event.key",
	"reselect.error.handling.mode", "reselect.cache.enabled", "reselect.cache.type", "reselect.cache.max.size", "reselect.cache.ttl.ms", "reselect.cache.max.columns.per.row",
}

func (p *parser) reselectOptions(prefix string, options map[string]string) *reselectRules {
	list := func(name string) pattern.List {
		l, err := pattern.ParseList(options[name])
		if err != nil {
			p.fail(prefix+name, err.Error(), "write schema.table:column, separated by commas")
		}
		return l
	}
	flag := func(name string, def bool) bool {
		text := strings.TrimSpace(options[name])
		if text == "" {
			return def
		}
		v, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			p.fail(prefix+name, "must be true or false", "")
		}
		return v
	}
	for name := range options {
		if name != "type" && !slices.Contains(reselectKeys, name) {
			p.fail(prefix+name, "there is no such option", near(name, reselectKeys))
		}
	}
	r := &reselectRules{
		include: list("reselect.columns.include.list"), exclude: list("reselect.columns.exclude.list"),
		unavailable: flag("reselect.unavailable.values", true), nulls: flag("reselect.null.values", true), eventKey: flag("reselect.use.event.key", false),
	}
	switch mode := strings.ToLower(strings.TrimSpace(options["reselect.error.handling.mode"])); mode {
	case "fail":
		r.fail = true
	case "", "warn":
	default:
		p.fail(prefix+"reselect.error.handling.mode", "Value must be one of warn, fail", near(mode, []string{"warn", "fail"}))
	}
	return r
}

// near is a hint at the valid name that was probably meant.
func near(name string, valid []string) string {
	if n := connect.Nearest(name, valid); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}
