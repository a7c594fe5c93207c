// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

func TestReasonsOfLostSlots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slot        slotState
		state, want string
	}{
		{slotState{Status: slotLost}, "lost", "max_slot_wal_keep_size"},
		{slotState{Status: slotLost, Invalidation: lostLog}, "lost wal_removed", "max_slot_wal_keep_size"},
		{slotState{Status: slotLost, Invalidation: lostRows}, "lost rows_removed", "hot_standby_feedback"},
		{slotState{Status: slotLost, Invalidation: lostLevel}, "lost wal_level_insufficient", "wal_level of the primary"},
		{slotState{Status: slotLost, Invalidation: lostIdle}, "lost idle_timeout", "idle_replication_slot_timeout"},
		{slotState{Status: slotReserved, Conflicting: true}, "reserved conflicting", "recovery on this standby"},
		{slotState{Status: slotLost, Invalidation: "of later"}, "lost of later", "the reason of later"},
	} {
		if got := c.slot.reason(); !c.slot.lost() || c.slot.status() != slotLost || c.slot.state() != c.state || !strings.Contains(got, c.want) {
			t.Errorf("%+v is %q (%s) because %q", c.slot, c.slot.status(), c.slot.state(), got)
		}
	}
	if (&slotState{Status: slotExtended}).lost() || (*slotState)(nil).status() != slotMissing {
		t.Error("a slot that is not lost is")
	}
}

// TestIdleSlotIsLost: from version 18 on a server gives up slots that nobody reads, if it is
// told so. The start says that it may, and later that it has.
func TestIdleSlotIsLost(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{}, nil)
	if w.srv.Major(t) >= 18 {
		w.exec("ALTER SYSTEM SET idle_replication_slot_timeout = '1s'")
		w.exec("SELECT pg_reload_conf()")
		w.eventually("the server has the limit", func() bool { return w.scalar("SHOW idle_replication_slot_timeout") == "1s" })
	}
	log := w.logged()
	r := w.start()
	snapshotted(r)
	r.stop()
	if w.srv.Major(t) < 18 {
		if w.scalar("SELECT count(*) FROM pg_settings WHERE name LIKE 'idle_replication%'") != "0" || strings.Contains(log.text(), "idle_replication_slot_timeout") {
			t.Errorf("the server has a limit; the log is\n%s", log.text())
		}
		return
	}
	if want := "idle_replication_slot_timeout is 1s"; !strings.Contains(log.text(), want) {
		t.Errorf("the log lacks %q:\n%s", want, log.text())
	}
	w.eventually("the slot is lost", func() bool {
		w.exec("CHECKPOINT")
		return w.slotIs("invalidation_reason") == lostIdle
	})
	r, err := w.tryStart()
	r.stop()
	if err == nil || !isGap(err) || !strings.Contains(err.Error(), "nobody read it for longer than idle_replication_slot_timeout") {
		t.Fatalf("the start ends with %v", err)
	}
}

// TestSlotOfAStandbyIsLost: from version 16 on a standby has slots, and without
// hot_standby_feedback it loses them when the primary cleans up its catalogs.
func TestSlotOfAStandbyIsLost(t *testing.T) {
	t.Parallel()
	w := ownWorld(t, oneTable, pgtest.Options{}, nil)
	if w.srv.Major(t) < 16 { // TestStandbyIsPromotedWhileItIsRead has what these do
		return
	}
	standby := w.standbyOf(map[string]string{"hot_standby_feedback": "off"})
	w.exec("CREATE PUBLICATION dbz_publication FOR ALL TABLES")
	w.eventually("the standby has everything", func() bool {
		return standby.MustQuery(t, w.db, "SELECT count(*) FROM pg_publication")[0][0] == "1"
	})
	w.leadsTo(standby)
	log := w.logged()
	r := w.readsStandby()
	snapshotted(r)
	r.stop()
	if want := "the server is a standby with hot_standby_feedback off"; !strings.Contains(log.text(), want) {
		t.Errorf("the log lacks %q:\n%s", want, log.text())
	}
	w.exec("CREATE TABLE gone (id int); DROP TABLE gone")
	w.exec("VACUUM FULL pg_class")
	w.eventually("the slot is lost", func() bool {
		return standby.MustQuery(t, w.db, "SELECT conflicting::text FROM pg_replication_slots")[0][0] == "true"
	})
	r, err := w.tryStart()
	r.stop()
	if err == nil || !isGap(err) || !strings.Contains(err.Error(), "hot_standby_feedback") || !strings.Contains(err.Error(), "is lost (lost") {
		t.Fatalf("the start ends with %v", err)
	}
}
