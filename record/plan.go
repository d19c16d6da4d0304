package record

import (
	"fmt"
	"slices"
	"strings"

	"sextant/table"
)

// A plan says which fields of a record to look at, and what to do with each.
//
// Fields have slots: one for each key of the envelope, and of properties, that
// some column needs. Reading a record is one walk over those two objects that
// notes the token in each slot; then each column picks its slot.
type plan struct {
	def      *table.Def
	physical table.Schema
	origins  []origin
	cols     []colOp // one for each visible column
	slots    int
	envelope map[string]int // slot by key in lower case
	props    map[string]int
	nests    []nest // promoted paths by the column they are in
	width    int    // visible and promoted columns
}

// spot is a field: a slot, and keys below it.
type spot struct {
	slot int
	rest []string
}

type special uint8

const (
	fromRecord special = iota
	fromConstant
	fromWorkspace
	fromType
	fromBilled
	fromTime
	fromGroup
	fromSubscription
	fromProvider
	fromResource
	fromResourceID
	fromNothing
)

var specials = map[string]special{
	"@workspace": fromWorkspace, "@type": fromType, "@billed": fromBilled, "@group": fromGroup,
	"@subscription": fromSubscription, "@provider": fromProvider, "@resource": fromResource, "@resourceid": fromResourceID, "@none": fromNothing,
}

// colOp fills one visible column.
type colOp struct {
	name       string
	typ        table.Type
	from       special
	spots      []spot
	constant   string
	json, any  bool
	parsed     bool
	unless     spot
	unlessText string
	nest       int  // index in nests + 1; 0 has none
	origin     int  // index in origins; -1 has none
	tenant     bool // the directory, which we may know where the record does not say it
}

// nest is the promoted paths of one column.
type nest struct {
	scalars *branch
	list    *branch
	lists   []int // physical columns of the list paths
}

// branch is a node of a tree of keys.
type branch struct {
	keys []string
	subs []*branch
	leaf int // physical column, or -1
	typ  table.Type
}

func (b *branch) add(path []string, leaf int, typ table.Type) {
	if len(path) == 0 {
		b.leaf, b.typ = leaf, typ
		return
	}
	for i, k := range b.keys {
		if k == path[0] {
			b.subs[i].add(path[1:], leaf, typ)
			return
		}
	}
	sub := &branch{leaf: -1}
	b.keys, b.subs = append(b.keys, path[0]), append(b.subs, sub)
	sub.add(path[1:], leaf, typ)
}

// maxBranch bounds the keys of one branch, so that looking them up needs no memory.
const maxBranch = 16

func (b *branch) wide() bool {
	return b != nil && (len(b.keys) > maxBranch || slices.ContainsFunc(b.subs, (*branch).wide))
}

// resourceSlot is always there: the parts of resourceId are cut from it.
const resourceSlot = 0

func compile(def *table.Def, origins []origin) (*plan, error) {
	p := &plan{def: def, physical: def.Physical(), envelope: map[string]int{"resourceid": resourceSlot}, props: map[string]int{}, slots: 1}
	p.width = len(def.Columns) + len(def.Promoted)
	for _, c := range def.Columns {
		op := colOp{name: c.Name, typ: c.Type, from: fromNothing, origin: -1, tenant: strings.EqualFold(c.Name, "AADTenantId") && c.Type == table.String}
		for i := range origins {
			o := &origins[i]
			if o.column != c.Name {
				continue
			}
			op.origin = len(p.origins)
			p.origins = append(p.origins, *o)
			op.json, op.any, op.parsed, op.constant = o.json, o.any, o.parsed, o.constant
			for _, r := range o.refs {
				op.spots = append(op.spots, p.spot(r))
			}
			if o.unless != nil {
				op.unless, op.unlessText = p.spot(o.unless), o.unlessText
			}
			switch {
			case c.Name == def.Time:
				op.from = fromTime
			case o.isConstant:
				op.from = fromConstant
			case o.special != "":
				s, ok := specials[o.special]
				if !ok {
					return nil, fmt.Errorf("%s: there is no %s", c.Name, o.special)
				}
				op.from = s
			default:
				op.from = fromRecord
			}
			break
		}
		p.cols = append(p.cols, op)
	}
	for i, pr := range def.Promoted {
		at := def.Columns.Index(pr.Column)
		op := &p.cols[at]
		if op.nest == 0 {
			p.nests = append(p.nests, nest{})
			op.nest = len(p.nests)
		}
		n := &p.nests[op.nest-1]
		physical := len(def.Columns) + i
		if pr.InElements() {
			if n.list == nil {
				n.list = &branch{leaf: -1}
			}
			n.list.add(strings.Split(pr.Path[len("[]."):], "."), len(n.lists), table.String)
			n.lists = append(n.lists, physical)
			continue
		}
		if n.scalars == nil {
			n.scalars = &branch{leaf: -1}
		}
		n.scalars.add(strings.Split(pr.Path, "."), physical, pr.Type)
	}
	for _, n := range p.nests {
		if n.scalars.wide() || n.list.wide() {
			return nil, fmt.Errorf("more than %d keys are promoted in one place", maxBranch)
		}
	}
	return p, nil
}

// spot of a path: a slot of its own for each key of the envelope and of
// properties.
func (p *plan) spot(r ref) spot {
	keys, rest := p.envelope, r[1:]
	key := strings.ToLower(r[0])
	if key == "properties" && len(r) > 1 {
		keys, key, rest = p.props, strings.ToLower(r[1]), r[2:]
	}
	slot, ok := keys[key]
	if !ok {
		slot = p.slots
		p.slots++
		keys[key] = slot
	}
	return spot{slot, rest}
}
