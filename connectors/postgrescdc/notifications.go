// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/javamap"
)

// The keys of notifications.
const (
	notificationChannels = "notification.enabled.channels"
	notificationTopic    = "notification.sink.topic.name"
)

// noticeSettings say where notifications go.
type noticeSettings struct {
	Topic string // "" for none
	Log   bool
}

// on reports whether notifications go anywhere.
func (s *noticeSettings) on() bool { return s.Topic != "" || s.Log }

func (p *parser) notices() noticeSettings {
	channels := p.channels(notificationChannels, "sink", "log")
	s := noticeSettings{Log: slices.Contains(channels, "log")}
	if !slices.Contains(channels, "sink") {
		return s
	}
	s.Topic = strings.TrimSpace(p.c.String(notificationTopic))
	switch legal := legalTopic(s.Topic); {
	case s.Topic == "":
		p.fail(notificationTopic, "Notification topic name must be provided when kafka notification channel is enabled", "name a topic")
	case legal != s.Topic:
		p.fail(notificationTopic, "no topic can have this name", "did you mean "+legal+"?")
	}
	return s
}

// What notifications are about.
const (
	aggregateInitial     = "Initial Snapshot"
	aggregateIncremental = "Incremental Snapshot"
)

// The types of notifications.
const (
	noticeStarted        = "STARTED"
	noticeResolved       = "DATA_COLLECTIONS_RESOLVED"
	noticePaused         = "PAUSED"
	noticeResumed        = "RESUMED"
	noticeAborted        = "ABORTED"
	noticeSkipped        = "SKIPPED"
	noticeInProgress     = "IN_PROGRESS"
	noticePartInProgress = "TABLE_CHUNK_IN_PROGRESS"
	noticePartCompleted  = "TABLE_CHUNK_COMPLETED"
	noticeTableCompleted = "TABLE_SCAN_COMPLETED"
	noticeCompleted      = "COMPLETED"
)

// Names in the additional data of a notification.
const (
	dataConnector   = "connector_name"
	dataCollections = "data_collections"
	dataScanned     = "scanned_collection"
	dataCurrent     = "current_collection_in_progress"
	dataMaximum     = "maximum_key"
	dataLast        = "last_processed_key"
	dataRows        = "total_rows_scanned"
	dataStatus      = "status"
	dataPart        = "chunk_index"
	dataParts       = "total_chunks"
	dataTotal       = "total_rows"
)

// Values of the status of a table.
const (
	statusSucceeded = "SUCCEEDED"
	statusEmpty     = "EMPTY"
	statusNoKey     = "NO_PRIMARY_KEY"
	statusSQL       = "SQL_EXCEPTION"
	statusUnknown   = "UNKNOWN_SCHEMA"
)

// notice is a notification that is still to be sent.
type notice struct {
	Aggregate string `json:"aggregate"`
	Type      string `json:"type"`
	// ID is empty for one that is made when it is sent.
	ID string `json:"id,omitempty"`
	// Data are names and values, without the connector's name.
	Data [][2]string `json:"data,omitempty"`
}

// notices are notifications that are still to be sent, in their order. They are part of the
// place, and not changed after they were made; nil means none. So what a notification speaks
// of is never in an offset without the notification, or the duty to send it.
type notices struct {
	List []notice `json:"list"`
}

// text is the member of the offset.
func (n *notices) text() string {
	b, _ := json.Marshal(n) // strings always have a JSON form
	return string(b)
}

func parseNotices(text string) (*notices, error) {
	n := &notices{}
	if err := json.Unmarshal([]byte(text), n); err != nil {
		return nil, err
	}
	if len(n.List) == 0 {
		return nil, nil
	}
	return n, nil
}

func (n *notices) with(more ...notice) *notices {
	next := &notices{}
	if n != nil {
		next.List = slices.Clone(n.List)
	}
	next.List = append(next.List, more...)
	return next
}

func (n *notices) without(i int) *notices {
	if len(n.List) == 1 {
		return nil
	}
	return &notices{List: slices.Delete(slices.Clone(n.List), i, i+1)}
}

// waiting is how many there are.
func (n *notices) waiting() int {
	if n == nil {
		return 0
	}
	return len(n.List)
}

// owe notes in a place that notifications are to be sent, if there is a channel.
func (e *emitter) owe(p *place, more ...notice) {
	if e.s.Notices.on() {
		p.owed = p.owed.with(more...)
	}
}

// sendOwed sends what is owed. The place of each record is one that does not owe it any more.
// What is about incremental snapshots waits until it is known which tables they mean.
func (e *emitter) sendOwed() {
	for i := 0; i < e.place.owed.waiting(); {
		n := e.place.owed.List[i]
		if n.Aggregate == aggregateIncremental && e.place.incremental.unresolved() >= 0 {
			i++
			continue
		}
		e.place.owed = e.place.owed.without(i)
		e.notify(n)
	}
}

// notify sends a notification.
func (e *emitter) notify(n notice) {
	if n.ID == "" {
		n.ID = e.uuid()
	}
	n.Data = e.noticeData(&n)
	at := e.now().UnixMilli()
	if e.s.Notices.Log {
		e.logNotice(&n, at)
	}
	if e.s.Notices.Topic == "" {
		return
	}
	size := metadataSize
	for _, d := range n.Data {
		size += len(d[0]) + len(d[1])
	}
	e.told++
	r := e.fixed(size, e.place)
	a, s := &e.b.Arena, e.schemas.notices
	id := connect.String(n.ID)
	data := a.Entries(len(n.Data))
	for i, d := range n.Data {
		data[i] = connect.MapEntry{Key: connect.String(d[0]), Value: connect.String(d[1])}
	}
	r.Topic = e.s.Notices.Topic
	r.KeySchema, r.Key = s.key, structOf(a, s.key, id)
	r.ValueSchema, r.Value = s.value, structOf(a, s.value, id, connect.String(n.Type), connect.String(n.Aggregate), connect.Map(data), connect.Int64(at))
}

func (e *emitter) logNotice(n *notice, at int64) {
	data := make(map[string]string, len(n.Data))
	for _, d := range n.Data {
		data[d[0]] = d[1]
	}
	e.log.Info("notification", "id", n.ID, "aggregate_type", n.Aggregate, "type", n.Type, "additional_data", data, "timestamp", at)
}

// noticeData is the additional data, in the order in which Java iterates over a HashMap that
// is made of it, which is the order of Debezium's records.
func (e *emitter) noticeData(n *notice) [][2]string {
	data := slices.Clone(n.Data)
	if left := e.place.incremental; n.Aggregate == aggregateIncremental && n.followsTables() && left.own() && left.ID == n.ID {
		data = slices.DeleteFunc(data, func(d [2]string) bool { return d[0] == dataCollections })
		data = append(data, [2]string{dataCollections, left.names()})
	}
	buckets := javamap.DefaultBuckets
	if len(data) > 0 {
		buckets = 1
	}
	data = append(data, [2]string{dataConnector, e.s.Topics.Prefix})
	javamap.Sort(data, buckets, func(d [2]string) string { return d[0] })
	return data
}

// noticeSchemas are those of records of notifications.
type noticeSchemas struct{ key, value *connect.Schema }

func newNoticeSchemas() *noticeSchemas {
	const common = "io.debezium.connector.common."
	return &noticeSchemas{
		key: connect.NewStruct(common+"NotificationKey").Version(1).Field("id", connect.StringSchema).MustBuild(),
		value: connect.NewStruct(common+"Notification").Version(1).
			Field("id", connect.StringSchema).Field("type", connect.StringSchema).Field("aggregate_type", connect.StringSchema).
			Field("additional_data", connect.NewMap(connect.StringSchema, connect.StringSchema).Optional().MustBuild()).
			Field("timestamp", connect.Int64Schema).MustBuild(),
	}
}

// randomUUID returns a UUID of version 4.
func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// sendOwed sends what is owed, at the end of what the batch gets. Without a topic a position
// takes the place further.
func (t *task) sendOwed() {
	e := t.emitter
	before := e.place.owed.waiting()
	if before == 0 {
		return
	}
	e.sendOwed()
	if e.s.Notices.Topic == "" && e.place.owed.waiting() < before {
		t.owes = true
	}
}
