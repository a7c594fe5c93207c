// SPDX-License-Identifier: Apache-2.0

package expr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/connectd/connectd/connect"
)

var textFunctions = map[string]function{
	"upper":       {1, 1, textType, onText(strings.ToUpper)},
	"lower":       {1, 1, textType, onText(strings.ToLower)},
	"trim":        {1, 2, textType, trim},
	"trimPrefix":  {1, 2, textType, onTwo(strings.TrimPrefix)},
	"trimSuffix":  {1, 2, textType, onTwo(strings.TrimSuffix)},
	"hasPrefix":   {2, 2, boolType, onTwoBool(strings.HasPrefix)},
	"hasSuffix":   {2, 2, boolType, onTwoBool(strings.HasSuffix)},
	"indexOf":     {2, 2, numberType, onTwoIndex(strings.Index)},
	"lastIndexOf": {2, 2, numberType, onTwoIndex(strings.LastIndex)},
	"split":       {2, 3, listType, splitter(strings.SplitN)},
	"splitAfter":  {2, 3, listType, splitter(strings.SplitAfterN)},
	"replace":     {3, 4, textType, replace},
	"repeat":      {2, 2, textType, repeat},
	"join":        {1, 2, textType, join},
	"toBase64":    {1, 1, textType, toBase64},
	"fromBase64":  {1, 1, textType, fromBase64},
}

// wantTexts refuses arguments that are no texts.
func wantTexts(args ...connect.Value) error {
	for _, a := range args {
		if a.Kind() != connect.KindString {
			return fmt.Errorf("a text is needed, this is %s", a.Kind())
		}
	}
	return nil
}

func onText(do func(string) string) func(*Env, []connect.Value) (connect.Value, error) {
	return func(e *Env, args []connect.Value) (connect.Value, error) {
		if err := wantTexts(args...); err != nil {
			return args[0], err
		}
		return e.text(do(args[0].Str()))
	}
}

func trim(_ *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args...); err != nil {
		return args[0], err
	}
	if len(args) == 2 {
		return connect.String(strings.Trim(args[0].Str(), args[1].Str())), nil
	}
	return connect.String(strings.TrimSpace(args[0].Str())), nil
}

// onTwo leaves out a blank when there is no second argument, as expr-lang.
func onTwo(do func(a, b string) string) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		if err := wantTexts(args...); err != nil {
			return args[0], err
		}
		what := " "
		if len(args) == 2 {
			what = args[1].Str()
		}
		return connect.String(do(args[0].Str(), what)), nil
	}
}

func onTwoBool(do func(a, b string) bool) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		if err := wantTexts(args...); err != nil {
			return args[0], err
		}
		return connect.Bool(do(args[0].Str(), args[1].Str())), nil
	}
}

// onTwoIndex counts characters, as len() and slices do.
func onTwoIndex(do func(a, b string) int) func(*Env, []connect.Value) (connect.Value, error) {
	return func(_ *Env, args []connect.Value) (connect.Value, error) {
		if err := wantTexts(args...); err != nil {
			return args[0], err
		}
		at := do(args[0].Str(), args[1].Str())
		if at < 0 {
			return connect.Int64(-1), nil
		}
		return connect.Int64(int64(utf8.RuneCountInString(args[0].Str()[:at]))), nil
	}
}

func splitter(do func(s, sep string, n int) []string) func(*Env, []connect.Value) (connect.Value, error) {
	return func(e *Env, args []connect.Value) (connect.Value, error) {
		if err := wantTexts(args[:2]...); err != nil {
			return args[0], err
		}
		n := -1
		if len(args) == 3 {
			if !args[2].IsInt() {
				return args[2], fmt.Errorf("the number of parts is an integer, this is %s", args[2].Kind())
			}
			n = int(args[2].Int())
		}
		if err := e.visit(args[0].Len()); err != nil {
			return args[0], err
		}
		parts := do(args[0].Str(), args[1].Str(), n)
		out, err := e.values(len(parts))
		for i := range out {
			out[i] = connect.String(parts[i])
		}
		return connect.Array(out), err
	}
}

func replace(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args[:3]...); err != nil {
		return args[0], err
	}
	n := -1
	if len(args) == 4 {
		if !args[3].IsInt() {
			return args[3], fmt.Errorf("the number of replacements is an integer, this is %s", args[3].Kind())
		}
		n = int(args[3].Int())
	}
	s, from, to := args[0].Str(), args[1].Str(), args[2].Str()
	found := strings.Count(s, from)
	if n >= 0 {
		found = min(found, n)
	}
	if err := e.grow(len(s) + found*max(0, len(to)-len(from))); err != nil {
		return args[0], err
	}
	return connect.String(strings.Replace(s, from, to, n)), nil
}

func repeat(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args[0]); err != nil {
		return args[0], err
	}
	n := args[1]
	if !n.IsInt() || n.Int() < 0 {
		return n, errors.New("the number of repetitions is an integer, at least 0")
	}
	if n.Int() > MaxMemory || args[0].Len() > 0 && n.Int() > int64(MaxMemory/args[0].Len()) {
		return n, errMemory
	}
	if err := e.grow(args[0].Len() * int(n.Int())); err != nil {
		return n, err
	}
	return connect.String(strings.Repeat(args[0].Str(), int(n.Int()))), nil
}

func join(e *Env, args []connect.Value) (connect.Value, error) {
	if args[0].Kind() != connect.KindArray {
		return args[0], fmt.Errorf("an array is needed, this is %s", args[0].Kind())
	}
	sep := ""
	if len(args) == 2 {
		if err := wantTexts(args[1]); err != nil {
			return args[1], err
		}
		sep = args[1].Str()
	}
	if err := wantTexts(args[0].Array()...); err != nil {
		return args[0], err
	}
	size := 0
	for _, v := range args[0].Array() {
		size += v.Len() + len(sep)
	}
	if err := e.grow(size); err != nil {
		return args[0], err
	}
	var b strings.Builder
	b.Grow(size)
	for i, v := range args[0].Array() {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(v.Str())
	}
	return connect.String(b.String()), nil
}

func toBase64(e *Env, args []connect.Value) (connect.Value, error) {
	if k := args[0].Kind(); k != connect.KindString && k != connect.KindBytes {
		return args[0], fmt.Errorf("a text or bytes are needed, this is %s", k)
	}
	return e.text(base64.StdEncoding.EncodeToString(args[0].Bytes()))
}

// fromBase64 gives a text, and bytes where they are not valid UTF-8.
func fromBase64(e *Env, args []connect.Value) (connect.Value, error) {
	if err := wantTexts(args[0]); err != nil {
		return args[0], err
	}
	b, err := base64.StdEncoding.DecodeString(args[0].Str())
	if err != nil {
		return args[0], fmt.Errorf("the text is not base64: %w", err)
	}
	if err := e.grow(len(b)); err != nil {
		return args[0], err
	}
	if !utf8.Valid(b) {
		return connect.Bytes(b), nil
	}
	return connect.StringOf(b), nil
}
