// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import "github.com/connectd/connectd/connect"

// handBack is the place as the members of the original tell it. Debezium 3.7 finds the
// rows behind the first of several that share an LSN only from the second on: at the
// first it passes over all of them. It does not know of half of a change either. There
// the members are those of the newest commit before, so that it repeats the rows of the
// transaction and loses none.
func (p place) handBack() place {
	lost := p.part > 0 || p.events == 1 && !p.alone
	if p.commit == 0 || p.foreign || !lost {
		return p
	}
	p.lsn, p.lastCommit, p.events, p.change = p.end, p.end, 0, changeCommit
	return p
}

// alone reports whether no change behind record i of a batch has its LSN, as far as the
// batch can tell.
func (tag *batchTag) alone(b *connect.Batch, i int) bool {
	pos := b.Records[i].Pos
	if i+1 == len(b.Records) {
		return tag.ahead != 0 && tag.ahead != lsn(pos[2])
	}
	next := b.Records[i+1].Pos
	return next[0]>>posStretchShift == pos[0]>>posStretchShift && next[2] != pos[2]
}

// ahead is the LSN of the next change, or of the commit, if it has been read already; zero
// if it has not.
func (t *task) ahead() lsn {
	if t.chunk == nil {
		return 0
	}
	for i := t.next; i < len(t.chunk.items); i++ {
		it := &t.chunk.items[i]
		if it.kind == itemRestart {
			return 0
		}
		// Descriptions of tables and types have no LSN.
		if it.kind == itemData && it.at != 0 {
			return it.at
		}
	}
	return 0
}
