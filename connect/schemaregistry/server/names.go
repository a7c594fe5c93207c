// SPDX-License-Identifier: Apache-2.0

package server

import (
	"strings"
	"unicode"
)

// A subject may be qualified with a context, ":.context:subject"; ids are dense within a
// context. The default context is ".", and its subjects are written without it.

const (
	defaultContext = "."
	anyContext     = ":*:"
)

// splitSubject takes a name apart into context and subject.
func splitSubject(qualified string) (context, subject string) {
	if !strings.HasPrefix(qualified, ":.") {
		return defaultContext, qualified
	}
	context, subject, _ = strings.Cut(qualified[1:], ":")
	return context, subject
}

func qualify(context, subject string) string {
	if context == defaultContext {
		return subject
	}
	return ":" + context + ":" + subject
}

// normalName writes a subject in the one way in which it is stored.
func normalName(subject string) string { return qualify(splitSubject(subject)) }

// within qualifies a name with a context, unless it names one itself.
func within(context, subject string) string {
	if own, name := splitSubject(subject); own == defaultContext {
		return qualify(context, name)
	}
	return subject
}

func contextOf(subject string) string {
	context, _ := splitSubject(subject)
	return context
}

// delimited is the context as the original's messages write it: nothing for the default
// one.
func delimited(subject string) string { return qualify(contextOf(subject), "") }

func validSubject(subject string) bool {
	_, name := splitSubject(subject)
	return strings.IndexFunc(subject, unicode.IsControl) < 0 && name != "__GLOBAL" && name != "__EMPTY"
}

// hasPrefix reports whether a subject is listed under a prefix, which may leave the
// context open.
func hasPrefix(subject, prefix string) bool {
	if open, ok := strings.CutPrefix(prefix, anyContext); ok {
		_, name := splitSubject(subject)
		return strings.HasPrefix(name, open)
	}
	return strings.HasPrefix(subject, prefix)
}

// covers reports whether a scope, which is a subject, a context or everything (""), has
// the subject in it.
func covers(scope, subject string) bool {
	if scope == "" || scope == subject {
		return true
	}
	context, name := splitSubject(scope)
	return name == "" && context == contextOf(subject)
}
