// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import "strings"

// Values of invalidation_reason.
const (
	lostLog   = "wal_removed"
	lostRows  = "rows_removed"
	lostLevel = "wal_level_insufficient"
	lostIdle  = "idle_timeout"
)

// lost reports whether the server has given the slot up: nothing can be read from it.
func (s *slotState) lost() bool {
	return s.Status == slotLost || s.Invalidation != "" || s.Conflicting
}

// status is wal_status, lost for every slot that is, and missing for nil.
func (s *slotState) status() string {
	switch {
	case s == nil:
		return slotMissing
	case s.lost():
		return slotLost
	}
	return s.Status
}

// state is what pg_replication_slots says of a lost slot.
func (s *slotState) state() string {
	why := s.Invalidation
	if why == "" && s.Conflicting {
		why = "conflicting"
	}
	return strings.TrimSpace(s.Status + " " + why)
}

// reason says why the slot is lost. Versions from 17 on name it; before, a conflict is one of
// two things on a standby, and all else is the limit of the log.
func (s *slotState) reason() string {
	switch s.Invalidation {
	case lostLog:
		return "the server has removed the log that it needs; see max_slot_wal_keep_size"
	case lostRows:
		return "the primary has removed rows of its catalogs that the slot of this standby needs; set hot_standby_feedback=on here, and let the standby read a physical slot of the primary"
	case lostLevel:
		return "wal_level of the primary was less than logical for a time"
	case lostIdle:
		return "nobody read it for longer than idle_replication_slot_timeout; allow for the time for which the connector may stand still, 0 for any"
	case "":
		if s.Conflicting {
			return "recovery on this standby conflicts with it: the primary has removed rows of its catalogs that the slot needs (see hot_standby_feedback), or its wal_level was less than logical for a time"
		}
		return "the server has removed the log that it needs; see max_slot_wal_keep_size"
	}
	return "the server gives the reason " + s.Invalidation
}
