// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"github.com/connectd/connectd/connect"
)

// unwrapPlugin introduces ExtractNewRecordState.
func unwrapPlugin() connect.TransformPlugin {
	return connect.TransformPlugin{
		PluginInfo: connect.PluginInfo{
			Class: "io.debezium.transforms.ExtractNewRecordState",
			Doc:   "Makes the row of a change event: the state after the change, without the envelope around it.",
			Config: connect.Define(
				connect.ConfigKey{Name: "delete.tombstone.handling.mode", Type: connect.TypeConfigString, Default: string(deleteTombstone),
					Check: connect.OneOf(string(deleteDrop), string(deleteTombstone), string(deleteRewrite), string(deleteRewriteWithTombstone), string(deleteToTombstone)),
					Doc: "What becomes of deletes and of the tombstones behind them. drop: neither stays. tombstone: the delete becomes a null under the schema of the row, the tombstone goes. " +
						"rewrite: the delete becomes the row as it was, with the field __deleted. rewrite-with-tombstone: the same, and the tombstone stays. delete-to-tombstone: the delete becomes a tombstone, the one behind it goes."},
				connect.ConfigKey{Name: "route.by.field", Type: connect.TypeConfigString, Importance: connect.ImportanceLow,
					Doc: "The column whose text is the topic of the record. An empty text leaves the topic."},
				connect.ConfigKey{Name: "add.fields", Type: connect.TypeConfigList, Importance: connect.ImportanceLow, Check: checkEventFields,
					Doc: "Fields of the event that are added to the row, such as op, table, source.ts_ms or lsn:position."},
				connect.ConfigKey{Name: "add.fields.prefix", Type: connect.TypeConfigString, Default: "__", Importance: connect.ImportanceLow,
					Doc: "What the names of added fields begin with."},
				connect.ConfigKey{Name: "add.headers", Type: connect.TypeConfigList, Importance: connect.ImportanceLow, Check: checkEventFields,
					Doc: "Fields of the event that are added as headers; written as add.fields."},
				connect.ConfigKey{Name: "add.headers.prefix", Type: connect.TypeConfigString, Default: "__", Importance: connect.ImportanceLow,
					Doc: "What the names of added headers begin with."},
				connect.ConfigKey{Name: "drop.fields.header.name", Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceLow,
					Doc: "The header that lists the fields to remove from the row."},
				connect.ConfigKey{Name: "drop.fields.from.key", Type: connect.TypeConfigBoolean, Default: "false", Importance: connect.ImportanceLow,
					Doc: "Whether these fields are removed from the key too."},
				connect.ConfigKey{Name: "drop.fields.keep.schema.compatible", Type: connect.TypeConfigBoolean, Default: "true", Importance: connect.ImportanceLow,
					Doc: "Whether only optional fields are removed."},
				replaceNullKey(),
				removedKey("drop.tombstones", "was removed in Debezium 3", "use delete.tombstone.handling.mode: drop, tombstone, rewrite, rewrite-with-tombstone or delete-to-tombstone"),
				removedKey("delete.handling.mode", "was removed in Debezium 3", "use delete.tombstone.handling.mode: drop, tombstone, rewrite, rewrite-with-tombstone or delete-to-tombstone"),
			),
		},
		New: newUnwrap,
	}
}

// removedKey declares a key that the original has no more. It ignores them; here the
// user is told, as a job that keeps its deletes otherwise than before is no help.
func removedKey(name, rule, hint string) connect.ConfigKey {
	return connect.ConfigKey{
		Name: name, Type: connect.TypeConfigString, Null: true, Importance: connect.ImportanceLow, Doc: "No longer there; " + hint + ".",
		Check: func(any) (string, string) { return rule, hint },
	}
}
