// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is a request that the broker answers, in a range of versions.
type api struct {
	name             string
	key, first, last int16
	// flexible is the first version with compact encodings.
	flexible int16
	// layout is that of the flexible versions, if kmsg decodes them.
	layout layout
	// Exactly one of these is set. A handler's error closes the connection.
	handle func(context.Context, *conn, kmsg.Request) (kmsg.Response, error)
	raw    func(*conn, context.Context, *call) error
}

// on describes an API whose request and response are decoded and encoded by kmsg.
func on[Q kmsg.Request](first, last int16, fn func(*conn, context.Context, Q) (kmsg.Response, error)) api {
	var q Q
	return api{
		name: kmsg.NameForKey(q.Key()), key: q.Key(), first: first, last: last,
		handle: func(ctx context.Context, c *conn, r kmsg.Request) (kmsg.Response, error) { return fn(c, ctx, r.(Q)) },
	}
}

// apis is the table of what the broker understands, and at the same time what it
// says that it understands. The last versions leave out what would need a
// cluster or transactions of version 2: those have no explicit
// AddPartitionsToTxn, and clients use them only if the broker lists the feature
// transaction.version, which it does not.
func apis() []api {
	list := []api{
		// Clients take version 0 as a sign that compression works; nothing is
		// stored in the formats of versions below 3.
		{name: "Produce", key: 0, first: 0, last: 11, raw: (*conn).produce},
		{name: "Fetch", key: 1, first: 4, last: 18, raw: (*conn).fetch},
		on(1, 9, (*conn).listOffsets),
		on(0, 13, (*conn).metadata),
		on(2, 9, (*conn).offsetCommit),
		on(1, 9, (*conn).offsetFetch),
		on(0, 6, (*conn).findCoordinator),
		on(0, 9, (*conn).joinGroup),
		on(0, 4, (*conn).heartbeat),
		on(0, 5, (*conn).leaveGroup),
		on(0, 5, (*conn).syncGroup),
		on(0, 6, (*conn).describeGroups),
		on(0, 5, (*conn).listGroups),
		on(0, 1, (*conn).saslHandshake),
		on(0, 4, (*conn).apiVersions),
		on(2, 7, (*conn).createTopics),
		on(1, 6, (*conn).deleteTopics),
		on(0, 2, (*conn).deleteRecords),
		on(0, 5, (*conn).initProducerID),
		on(2, 4, (*conn).offsetForLeaderEpoch),
		on(0, 3, (*conn).addPartitionsToTxn),
		on(0, 4, (*conn).addOffsetsToTxn),
		on(0, 4, (*conn).endTxn),
		on(1, 1, (*conn).writeTxnMarkers),
		on(0, 4, (*conn).txnOffsetCommit),
		on(1, 4, (*conn).describeConfigs),
		on(0, 2, (*conn).alterConfigs),
		on(1, 4, (*conn).describeLogDirs),
		on(0, 3, (*conn).createPartitions),
		on(0, 2, (*conn).deleteGroups),
		on(0, 1, (*conn).incrementalAlterConfigs),
		on(0, 0, (*conn).offsetDelete),
		on(0, 2, (*conn).describeCluster),
		on(0, 0, (*conn).describeProducers),
		on(0, 0, (*conn).describeTransactions),
		on(0, 2, (*conn).listTransactions),
	}
	table := make([]api, kmsg.MaxKey+1)
	known := layouts()
	for _, a := range list {
		a.flexible = firstFlexible(a)
		a.layout = known[a.key]
		table[a.key] = a
	}
	return table
}

func firstFlexible(a api) int16 {
	r := kmsg.RequestForKey(a.key)
	for v := a.first; v <= a.last; v++ {
		if r.SetVersion(v); r.IsFlexible() {
			return v
		}
	}
	return a.last + 1
}

// find returns the API of a request, nil if it is not understood.
func (b *Broker) find(key, version int16) *api {
	if key < 0 || int(key) >= len(b.apis) {
		return nil
	}
	a := &b.apis[key]
	if a.handle == nil && a.raw == nil || version < a.first || version > a.last {
		return nil
	}
	return a
}
