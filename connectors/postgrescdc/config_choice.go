// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"

	"github.com/connectd/connectd/connect"
)

// choice is a key with a fixed set of values. Values are compared without regard to case.
type choice struct {
	key    string
	values []string
	// aliases are older or other names of values; refused are values of the original
	// that do not exist here, with the reason.
	aliases, refused map[string]string
	unset            string // what counts when the key has no default and is not set
}

const noDecoderbufs = "the output plugin decoderbufs has to be installed on the server and knows no logical messages; pgoutput is part of every server since version 10"

var (
	sslModes            = choice{key: "database.sslmode", values: []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}}
	decodingPlugins     = choice{key: "plugin.name", values: []string{"pgoutput"}, refused: map[string]string{"decoderbufs": noDecoderbufs}}
	autocreateModes     = choice{key: "publication.autocreate.mode", values: []string{"all_tables", "disabled", "filtered", "no_tables"}}
	lostPolicies        = choice{key: "slot.lost.policy", values: []string{"fail", "resnapshot"}}
	flushModes          = choice{key: "lsn.flush.mode", values: []string{"manual", "connector", "connector_and_driver"}, unset: "connector"}
	flushActions        = choice{key: "lsn.flush.timeout.action", values: []string{"fail", "warn", "ignore"}}
	mismatchStrategies  = choice{key: "offset.mismatch.strategy", values: []string{"no_validation", "trust_offset", "trust_greater_lsn"}, refused: map[string]string{"trust_slot": "moving the offset forward to the slot leaves out the changes in between without a trace; see slot.lost.policy"}}
	binaryModes         = choice{key: "binary.handling.mode", values: []string{"bytes", "base64", "base64-url-safe", "hex"}}
	schemaAdjustments   = choice{key: "schema.name.adjustment.mode", values: []string{"none", "avro", "avro_unicode"}}
	fieldAdjustments    = choice{key: "field.name.adjustment.mode", values: []string{"none", "avro", "avro_unicode"}}
	convertFailures     = choice{key: "event.converting.failure.handling.mode", values: []string{"fail", "warn", "skip"}}
	decimalModes        = choice{key: "decimal.handling.mode", values: []string{"string", "double", "precise"}}
	timeModes           = choice{key: "time.precision.mode", values: []string{"adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds", "structured"}}
	hstoreModes         = choice{key: "hstore.handling.mode", values: []string{"json", "map"}}
	intervalModes       = choice{key: "interval.handling.mode", values: []string{"numeric", "string"}}
	refreshModes        = choice{key: "schema.refresh.mode", values: []string{"columns_diff", "columns_diff_exclude_unchanged_toast"}}
	snapshotModes       = choice{key: "snapshot.mode", values: []string{"always", "initial_only", "configuration_based", "when_needed", "initial", "no_data"}, aliases: map[string]string{"never": "no_data", "exported": "initial"}, refused: map[string]string{"custom": noJava}}
	isolationModes      = choice{key: "snapshot.isolation.mode", values: []string{"serializable", "repeatable_read"}, refused: map[string]string{"read_committed": weakSnapshot, "read_uncommitted": weakSnapshot}}
	lockingModes        = choice{key: "snapshot.locking.mode", values: []string{"shared", "none"}, refused: map[string]string{"custom": noJava}}
	queryModes          = choice{key: "snapshot.query.mode", values: []string{"select_all"}, refused: map[string]string{"custom": noJava}}
	tableOrders         = choice{key: "snapshot.tables.order.by.row.count", values: []string{"disabled", "ascending", "descending"}}
	watermarkStrategies = choice{key: "incremental.snapshot.watermarking.strategy", values: []string{"insert_insert", "insert_delete"}}
	eventFailures       = choice{key: "event.processing.failure.handling.mode", values: []string{"fail", "warn", "skip"}, aliases: map[string]string{"ignore": "skip"}}
	slotStreaming       = choice{key: "slot.streaming", values: []string{streamingOff, streamingOn, streamingParallel}}
	guardrailActions    = choice{key: "guardrail.collections.limit.action", values: []string{"warn", "fail"}}
)

// Values of slot.streaming.
const (
	streamingOff      = "off"
	streamingOn       = "on"
	streamingParallel = "parallel"
)

// keyStreamingMost bounds the spool.
const keyStreamingMost = "slot.streaming.max.bytes"

// keyStreamingDir names the folder of the spool.
const keyStreamingDir = "slot.streaming.directory"

const (
	noJava       = "there is no Java virtual machine to load a class into"
	weakSnapshot = "a snapshot that sees later commits does not fit to the stream that follows it; tables are read in one exported snapshot"
)

// choices are all of them.
var choices = []choice{
	sslModes, decodingPlugins, autocreateModes, lostPolicies, flushModes, flushActions, mismatchStrategies, binaryModes,
	schemaAdjustments, fieldAdjustments, convertFailures, decimalModes, timeModes, hstoreModes, intervalModes, refreshModes,
	snapshotModes, isolationModes, lockingModes, queryModes, tableOrders, watermarkStrategies, eventFailures, guardrailActions, slotStreaming,
}

// of returns the value that is set, under its own name, or what is wrong with it.
func (ch choice) of(c connect.Config) (string, *connect.ConfigError) {
	if c.IsNull(ch.key) {
		return ch.unset, nil
	}
	given := c.String(ch.key)
	v := strings.ToLower(strings.TrimSpace(given))
	if a, ok := ch.aliases[v]; ok {
		return a, nil
	}
	for _, known := range ch.values {
		if v == known {
			return known, nil
		}
	}
	if reason, ok := ch.refused[v]; ok {
		return "", invalid(ch.key, given, "'"+given+"' is not available here: "+reason, "use one of "+strings.Join(ch.values, ", "))
	}
	hint := ""
	if near := connect.Nearest(v, ch.values); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "", invalid(ch.key, given, "Value must be one of "+strings.Join(ch.values, ", "), hint)
}

// invalid makes an error in the words of the original.
func invalid(key, value, rule, hint string) *connect.ConfigError {
	return &connect.ConfigError{Key: key, Value: value, Rule: rule, Hint: hint, Text: "The '" + key + "' value is invalid: " + rule}
}
