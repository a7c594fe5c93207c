// SPDX-License-Identifier: Apache-2.0

package file

import (
	"math"
	"path/filepath"
	"strings"

	"github.com/connectd/connectd/connect"
)

// Keys of the source.
const (
	fileKey       = "file"
	topicKey      = "topic"
	batchSizeKey  = "batch.size"
	formatKey     = "format"
	startKey      = "start"
	maxLineKey    = "max.line.bytes"
	invalidKey    = "invalid.utf8"
	separatorKey  = "csv.separator"
	rotateWaitKey = "rotate.wait.ms"
	intervalKey   = "poll.interval.ms"
)

// exactlyOnceKey is the sink's own.
const exactlyOnceKey = "exactly.once"

const (
	formatString = "string"
	formatJSON   = "json"
	formatCSV    = "csv"
)

// sourceKeys begin with the original's, as it declares them.
var sourceKeys = connect.Define(
	connect.ConfigKey{
		Name: fileKey, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh,
		Doc: "Source filename. If not specified, the standard input will be used", Check: isPattern,
	},
	connect.ConfigKey{
		Name: topicKey, Type: connect.TypeConfigString, Required: true, Importance: connect.ImportanceHigh,
		Doc: "The topic to publish data to", Check: connect.NonEmpty,
	},
	connect.ConfigKey{
		Name: batchSizeKey, Type: connect.TypeConfigInt, Default: "2000", Importance: connect.ImportanceLow,
		Doc:   "The maximum number of records the source task can read from the file each time it is polled",
		Check: connect.AtLeast(1),
	},
	connect.ConfigKey{
		Name: formatKey, Type: connect.TypeConfigString, Default: formatString, Importance: connect.ImportanceHigh,
		Doc:         "What a line is: a string, a JSON document, or a line of CSV under the header in the file's first line.",
		Check:       connect.OneOf(formatString, formatJSON, formatCSV),
		Recommended: []string{formatString, formatJSON, formatCSV},
	},
	connect.ConfigKey{
		Name: startKey, Type: connect.TypeConfigString, Default: "beginning", Importance: connect.ImportanceMedium,
		Doc:         "Where to begin in the files that are there when the connector starts for the first time: beginning or end. Files that come later are read from their beginning.",
		Check:       connect.OneOf("beginning", "end"),
		Recommended: []string{"beginning", "end"},
	},
	connect.ConfigKey{
		Name: maxLineKey, Type: connect.TypeConfigInt, Default: "1048576", Importance: connect.ImportanceMedium,
		Doc:   "How many bytes a line may have, without its end. A longer line is a record error, of which the first bytes are kept.",
		Check: connect.Between(1, 1<<30),
	},
	connect.ConfigKey{
		Name: invalidKey, Type: connect.TypeConfigString, Default: "fail", Importance: connect.ImportanceLow,
		Doc:         "What to do with a line that is not UTF-8: fail makes it a record error, replace puts U+FFFD for each wrong byte.",
		Check:       connect.OneOf("fail", "replace"),
		Recommended: []string{"fail", "replace"},
	},
	connect.ConfigKey{
		Name: separatorKey, Type: connect.TypeConfigString, Default: ",", Importance: connect.ImportanceLow,
		Doc: "The character between the fields of CSV; \\t stands for a tab.", Check: isSeparator,
	},
	connect.ConfigKey{
		Name: rotateWaitKey, Type: connect.TypeConfigLong, Default: "1000", Importance: connect.ImportanceLow,
		Doc:   "How long a file that has been renamed must be quiet before the new file of its name is read, in milliseconds: its writer may not have noticed yet.",
		Check: connect.AtLeast(0),
	},
	connect.ConfigKey{
		Name: intervalKey, Type: connect.TypeConfigLong, Default: "1000", Importance: connect.ImportanceLow,
		Doc:   "The longest pause between two looks at the files, in milliseconds. Where the system reports changes, growth is seen at once; on network file systems, which do not, this is the delay.",
		Check: connect.Between(1, math.MaxInt32),
	},
)

// sinkKeys begin with the original's.
var sinkKeys = connect.Define(
	connect.ConfigKey{
		Name: fileKey, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceHigh,
		Doc: "Destination filename. If not specified, the standard output will be used",
	},
	connect.ConfigKey{
		Name: exactlyOnceKey, Type: connect.TypeConfigBoolean, Default: "false", Importance: connect.ImportanceMedium,
		Doc: "Keep the length of the file with the committed offsets, and cut off what lies beyond when the task starts. The connector then has one task, and the file no other writer.",
	},
)

func isPattern(v any) (rule, hint string) {
	s, _ := v.(string)
	if _, err := filepath.Match(s, ""); err != nil {
		return "Not a valid file name pattern", `a literal [ is written \[`
	}
	return "", ""
}

func isSeparator(v any) (rule, hint string) {
	s, _ := v.(string)
	if _, ok := separator(s); !ok {
		return "Must be one ASCII character other than a quote or a line end", ""
	}
	return "", ""
}

// separator reads the setting. A blank counts as a blank, although settings are trimmed.
func separator(s string) (byte, bool) {
	switch {
	case s == `\t`:
		return '\t', true
	case s == "":
		return ' ', true
	case len(s) != 1 || s[0] >= 0x80 || strings.ContainsAny(s, "\"\r\n"):
		return 0, false
	}
	return s[0], true
}

func checkSink(c connect.Config) connect.ConfigErrors {
	if c.Bool(exactlyOnceKey) && c.String(fileKey) == "" {
		return connect.ConfigErrors{{Key: exactlyOnceKey, Value: "true", Rule: "needs a file: what was written to the standard output cannot be cut off"}}
	}
	return nil
}
