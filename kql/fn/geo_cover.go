package fn

import (
	"math"

	"github.com/golang/geo/s2"
)

const maxCells = 65_536

// covering gives the tokens of the cells of one level that touch a shape, in the
// order of the cells; false when there are more than maxCells.
func covering(shape s2.Region, level int) ([]any, bool) {
	var out []any
	var down func(id s2.CellID) bool
	down = func(id s2.CellID) bool {
		cell := s2.CellFromCellID(id)
		if !shape.IntersectsCell(cell) {
			return true
		}
		if id.Level() == level {
			out = append(out, id.ToToken())
			return len(out) <= maxCells
		}
		if shape.ContainsCell(cell) {
			if depth := level - id.Level(); depth > 8 || len(out)+1<<(2*depth) > maxCells {
				return false
			}
			for c := id.ChildBeginAtLevel(level); c != id.ChildEndAtLevel(level); c = c.Next() {
				out = append(out, c.ToToken())
			}
			return true
		}
		for _, c := range id.Children() {
			if !down(c) {
				return false
			}
		}
		return true
	}
	if b := shape.CapBound(); math.IsNaN(b.Area()) || b.IsEmpty() {
		return nil, false
	}
	for face := range 6 {
		if !down(s2.CellIDFromFace(face)) {
			return nil, false
		}
	}
	return out, true
}
