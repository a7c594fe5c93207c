// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"github.com/connectd/connectd/connect/avro"
)

// Record is one record of the registry's log, in the bytes that the original writes. A
// nil Value is a tombstone.
type Record struct{ Key, Value []byte }

// The types of keys.
const (
	keySchema        = "SCHEMA"
	keyConfig        = "CONFIG"
	keyMode          = "MODE"
	keyNoop          = "NOOP"
	keyDeleteSubject = "DELETE_SUBJECT"
	keyClearSubject  = "CLEAR_SUBJECT"
	keyContext       = "CONTEXT"
)

// recordKey is what a key says; Subject is "" in those of global settings.
type recordKey struct {
	Type    string
	Subject string
	Version int
	Context string
}

// version is one version of a subject, and the value of its record. It is not changed
// once the state has it.
type version struct {
	Subject    string
	Version    int
	ID         int
	Type       string // "AVRO", or what the original has registered
	References []avro.Reference
	Metadata   *avro.JSON // nil for none
	RuleSet    *avro.JSON // nil for none
	Schema     string
	Deleted    bool
	md5        string // kept for the original, which writes it beside encrypted metadata
}

const typeAvro = "AVRO"

func member(name string, v *avro.JSON) avro.Member { return avro.Member{Name: name, Value: v} }

func object(members ...avro.Member) *avro.JSON {
	return &avro.JSON{Kind: avro.JSONObject, Members: members}
}

func (k recordKey) encode() []byte {
	members := []avro.Member{member("keytype", avro.StringJSON(k.Type))}
	magic := int64(0)
	if k.Context != "" {
		members = append(members, member("tenant", avro.StringJSON("default")), member("context", avro.StringJSON(k.Context)))
	}
	if k.Subject != "" {
		members = append(members, member("subject", avro.StringJSON(k.Subject)))
	}
	if k.Type == keySchema {
		members, magic = append(members, member("version", avro.IntJSON(int64(k.Version)))), 1
	}
	return object(append(members, member("magic", avro.IntJSON(magic)))...).Append(nil)
}

func decodeKey(data []byte) (k recordKey, err error) {
	v, err := avro.ParseJSON(data)
	if err != nil {
		return k, err
	}
	k.Type, k.Subject, k.Context = textOf(v.Get("keytype")), textOf(v.Get("subject")), textOf(v.Get("context"))
	k.Version = intOf(v.Get("version"), 0)
	if k.Type == "" {
		return k, fmt.Errorf("decode key %s: no keytype", data)
	}
	if k.Type == keySchema && (k.Subject == "" && v.Get("subject") == nil || k.Version < 1) {
		return k, fmt.Errorf("decode key %s: a schema's key has a subject and a version from 1 on", data)
	}
	return k, nil
}

func (v *version) record() Record {
	key := recordKey{Type: keySchema, Subject: v.Subject, Version: v.Version}
	members := []avro.Member{
		member("subject", avro.StringJSON(v.Subject)),
		member("version", avro.IntJSON(int64(v.Version))),
		member("id", avro.IntJSON(int64(v.ID))),
	}
	if v.md5 != "" {
		members = append(members, member("md5", avro.StringJSON(v.md5)))
	}
	if v.Type != typeAvro {
		members = append(members, member("schemaType", avro.StringJSON(v.Type)))
	}
	if len(v.References) > 0 {
		members = append(members, member("references", referencesJSON(v.References)))
	}
	if v.Metadata != nil {
		members = append(members, member("metadata", v.Metadata))
	}
	if v.RuleSet != nil {
		members = append(members, member("ruleSet", v.RuleSet))
	}
	members = append(members, member("schema", avro.StringJSON(v.Schema)), member("deleted", avro.BoolJSON(v.Deleted)))
	return Record{key.encode(), object(members...).Append(nil)}
}

func (v *version) tombstone() Record {
	return Record{recordKey{Type: keySchema, Subject: v.Subject, Version: v.Version}.encode(), nil}
}

func decodeVersion(k recordKey, data []byte) (*version, error) {
	j, err := avro.ParseJSON(data)
	if err != nil {
		return nil, err
	}
	v := &version{
		Subject: k.Subject, Version: k.Version, ID: intOf(j.Get("id"), -1), Type: textOf(j.Get("schemaType")),
		Metadata: presentOf(j.Get("metadata")), RuleSet: presentOf(j.Get("ruleSet")), Schema: textOf(j.Get("schema")), md5: textOf(j.Get("md5")),
	}
	if d := j.Get("deleted"); d != nil {
		v.Deleted = d.Bool
	}
	if v.Type == "" {
		v.Type = typeAvro
	}
	if v.ID < 0 {
		return nil, fmt.Errorf("decode version %d of %s: no id", k.Version, k.Subject)
	}
	v.References, err = referencesOf(j.Get("references"))
	return v, err
}

func referencesJSON(refs []avro.Reference) *avro.JSON {
	list := &avro.JSON{Kind: avro.JSONArray}
	for _, r := range refs {
		list.Items = append(list.Items, object(
			member("name", avro.StringJSON(r.Name)),
			member("subject", avro.StringJSON(r.Subject)),
			member("version", avro.IntJSON(int64(r.Version)))))
	}
	return list
}

func referencesOf(v *avro.JSON) ([]avro.Reference, error) {
	v = presentOf(v)
	if v == nil {
		return nil, nil
	}
	if v.Kind != avro.JSONArray {
		return nil, fmt.Errorf("references are an array, not %s", v)
	}
	var refs []avro.Reference
	for _, item := range v.Items {
		name, subject, number := presentOf(item.Get("name")), presentOf(item.Get("subject")), presentOf(item.Get("version"))
		if name == nil || subject == nil || number == nil {
			//lint:ignore ST1005 the text is the original's, and part of the protocol
			return nil, fmt.Errorf("Invalid reference: %s", item)
		}
		refs = append(refs, avro.Reference{Name: textOf(name), Subject: textOf(subject), Version: intOf(number, 0)})
	}
	return refs, nil
}

// settingRecord is a record whose value repeats the subject, if it has one, and says
// more.
func settingRecord(keyType, subject string, more ...avro.Member) Record {
	var members []avro.Member
	if subject != "" {
		members = append(members, member("subject", avro.StringJSON(subject)))
	}
	return Record{recordKey{Type: keyType, Subject: subject}.encode(), object(append(members, more...)...).Append(nil)}
}

func contextRecord(context string) Record {
	return Record{recordKey{Type: keyContext, Context: context}.encode(),
		object(member("tenant", avro.StringJSON("default")), member("context", avro.StringJSON(context))).Append(nil)}
}

func deleteSubjectRecord(subject string, version int) Record {
	return settingRecord(keyDeleteSubject, subject, member("version", avro.IntJSON(int64(version))))
}

// presentOf takes null for absent.
func presentOf(v *avro.JSON) *avro.JSON {
	if v == nil || v.Kind == avro.JSONNull {
		return nil
	}
	return v
}

func textOf(v *avro.JSON) string {
	if v == nil || v.Kind != avro.JSONString {
		return ""
	}
	return v.Text
}

func intOf(v *avro.JSON, absent int) int {
	if n, ok := v.Int(); ok && int64(int32(n)) == n {
		return int(n)
	}
	return absent
}
