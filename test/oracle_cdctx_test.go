// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// metadata reports whether the changes say which transaction they belong to.
func (c *captured) metadata() bool {
	return len(c.stream) > 0 && c.stream[0].place != nil
}

// transactionRecord is a record of the transaction topic.
type transactionRecord struct {
	Status      string
	ID          string
	Count       int `json:"event_count"`
	Collections []struct {
		Name  string `json:"data_collection"`
		Count int    `json:"event_count"`
	} `json:"data_collections"`
}

// transactionCounts is what the events say of their transactions, by transaction number.
type transactionCounts struct {
	total   map[string]map[int]bool
	byTable map[string]int
}

// number is the part of the id that all events of a transaction share; the rest is the
// LSN of each.
func number(id string) string {
	n, _, _ := strings.Cut(id, ":")
	return n
}

// checkTransactions compares the transaction topic with the events of topics with one
// partition: each transaction begins and ends once, and its events are counted without a
// gap, within it and within each table.
func checkTransactions(t *testing.T, records []harness.Record, found []*captured) {
	t.Helper()
	n := countEvents(t, found)
	ended, open := map[string]bool{}, ""
	for i, r := range records {
		var v transactionRecord
		if err := json.Unmarshal([]byte(r.Value), &v); err != nil {
			t.Fatalf("%v: %s", err, r.Value)
		}
		id := number(v.ID)
		switch {
		case v.Status == "BEGIN" && (open != "" || ended[id]), v.Status == "END" && open != id:
			t.Errorf("record %d of the transaction topic is %s of %s, and %q is open", i, v.Status, v.ID, open)
		case v.Status == "BEGIN":
			open = id
			continue
		}
		open, ended[id] = "", true
		n.compare(t, id, &v)
	}
	for id := range n.total {
		if !ended[id] {
			t.Errorf("transaction %s does not end", id)
		}
	}
	if len(ended) == 0 || open != "" {
		t.Errorf("%d transactions have ended, and %q is open", len(ended), open)
	}
}

func countEvents(t *testing.T, found []*captured) transactionCounts {
	t.Helper()
	n := transactionCounts{map[string]map[int]bool{}, map[string]int{}}
	for _, c := range found {
		for i := range c.stream {
			e := &c.stream[i]
			if strings.HasPrefix(e.after["content"], `"out`) {
				continue // a message that belongs to no transaction
			}
			id := fmt.Sprint(e.transaction)
			if e.place == nil || number(e.place.ID) != id {
				t.Errorf("%s: %s belongs to %+v", c.table, e, e.place)
				continue
			}
			if n.total[id] == nil {
				n.total[id] = map[int]bool{}
			}
			if n.total[id][e.place.Total] {
				t.Errorf("%s: number %d of transaction %s comes twice: %s", c.table, e.place.Total, id, e)
			}
			n.total[id][e.place.Total] = true
			name := id + " public." + c.table
			if n.byTable[name]++; n.byTable[name] != e.place.Collection {
				t.Errorf("%s: %s is number %d of its table in transaction %s, want %d", c.table, e, e.place.Collection, id, n.byTable[name])
			}
		}
	}
	return n
}

// compare compares the end of a transaction with its events.
func (n *transactionCounts) compare(t *testing.T, id string, end *transactionRecord) {
	t.Helper()
	events := n.total[id]
	if end.Count != len(events) {
		t.Errorf("transaction %s has %d events, and %d of them are there", id, end.Count, len(events))
	}
	for i := range events {
		if i < 1 || i > len(events) {
			t.Errorf("transaction %s of %d events has number %d", id, len(events), i)
		}
	}
	for _, c := range end.Collections {
		if there := n.byTable[id+" "+c.Name]; strings.HasPrefix(c.Name, "public.") && there != c.Count {
			t.Errorf("transaction %s has %d events of %s, and %d of them are there", id, c.Count, c.Name, there)
		}
	}
}
