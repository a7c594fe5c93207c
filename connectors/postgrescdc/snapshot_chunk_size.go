// SPDX-License-Identifier: Apache-2.0

package postgrescdc

const (
	// begunFactor is how many times as large as the default a chunk of a begun table may be.
	// What a chunk costs beside its rows, 10 to 15 ms, is spent so much less often.
	begunFactor = 8
	// begunBytes is what such a chunk has about, if it is larger than the default.
	begunBytes = 4 << 20
)

// chunkWidth is how wide the rows of a table were that was read last.
type chunkWidth struct {
	table       string
	rows, bytes int
}

// next returns how many rows to ask for of the first table. Where nobody has set a size,
// the rest of a table of the first snapshot, which all else may wait for, is read in larger
// chunks, as far as its rows are narrow.
func (w chunkWidth) next(s snapshotSettings, n *incremental) int {
	if s.ChunkSizeSet || !n.Tables[0].Begun || w.table != n.Tables[0].Name || w.bytes == 0 {
		return s.ChunkSize
	}
	return min(max(w.rows*begunBytes/w.bytes, s.ChunkSize), begunFactor*s.ChunkSize)
}
