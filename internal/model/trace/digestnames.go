package trace

// digestNames gives services, operations and edges of a digest their numbers.
type digestNames struct {
	codes    map[string]uint32
	texts    []string // by code; 0 is ""
	services map[uint32]struct{}
	ops      numbering
	edges    numbering
	folded   bool // some name was counted as ""

	// Names of operations and of services have bounds of their own, so that neither
	// can crowd out the other.
	operationTexts, serviceTexts textBudget
}

// textBudget is how many texts may still have a code, and of how many bytes.
type textBudget struct{ count, bytes int }

// take makes room for a text, if there is some.
func (b *textBudget) take(text []byte) bool {
	if b.count == 0 || b.bytes < len(text) {
		return false
	}
	b.count, b.bytes = b.count-1, b.bytes-len(text)
	return true
}

// triple is what has a number: service, operation, kind or parent, child, kind.
type triple struct {
	a, b uint32
	kind Kind
}

// numbering numbers triples from 0 on. A small table in front of the map answers
// nearly all look-ups: most rows repeat what was seen a moment ago.
type numbering struct {
	ids    map[triple]uint32
	list   []triple
	recent []recentTriple
}

type recentTriple struct {
	triple
	next uint32 // the number plus one; zero is empty
}

// recentBits is the logarithm of the small table's length.
const recentBits = 12

func (n *numbering) find(t triple) (id uint32, ok bool) {
	slot := &n.recent[(t.a*0x9e3779b1^t.b*0x85ebca6b^uint32(t.kind)*0xc2b2ae35)>>(32-recentBits)]
	if slot.next != 0 && slot.triple == t {
		return slot.next - 1, true
	}
	if id, ok = n.ids[t]; ok {
		slot.triple, slot.next = t, id+1
	}
	return id, ok
}

func (n *numbering) add(t triple) uint32 {
	id := uint32(len(n.list))
	n.ids[t] = id
	n.list = append(n.list, t)
	return id
}

func (n *digestNames) init() {
	n.codes = map[string]uint32{"": 0}
	n.texts = []string{""}
	n.services = map[uint32]struct{}{0: {}}
	n.operationTexts = textBudget{maxDigestOps, maxDigestTexts / 2}
	n.serviceTexts = textBudget{maxDigestServices, maxDigestTexts / 2}
	for _, x := range []*numbering{&n.ops, &n.edges} {
		x.ids, x.recent = make(map[triple]uint32), make([]recentTriple, 1<<recentBits)
	}
}

// text returns the code of a text, of which a new one counts against the budget:
// that of the empty one when it is spent.
func (n *digestNames) text(v []byte, from *textBudget) uint32 {
	c, ok := n.codes[string(v)]
	switch {
	case ok:
		return c
	case !from.take(v):
		n.folded = true
		return 0
	}
	c = uint32(len(n.texts))
	n.texts = append(n.texts, string(v))
	n.codes[n.texts[c]] = c
	return c
}

// name returns the code of an operation's name.
func (n *digestNames) name(v []byte) uint32 { return n.text(v, &n.operationTexts) }

// service returns the code of a service's name.
func (n *digestNames) service(v []byte) uint32 {
	c := n.text(v, &n.serviceTexts)
	if _, ok := n.services[c]; ok {
		return c
	}
	if len(n.services) >= maxDigestServices {
		n.folded = true
		return 0
	}
	n.services[c] = struct{}{}
	return c
}

// operation returns the number of an operation.
func (n *digestNames) operation(service, name uint32, kind Kind) uint32 {
	t := triple{service, name, kind}
	if id, ok := n.ops.find(t); ok {
		return id
	}
	if len(n.ops.list) >= maxDigestOps {
		n.folded = true
		if t.b = 0; name != 0 {
			return n.operation(service, 0, kind)
		}
	}
	return n.ops.add(t) // without a name: as many as there are services and kinds
}

// edge returns the number of the calls of one service by another; false when
// there are too many.
func (n *digestNames) edge(parent, child uint32, kind Kind) (uint32, bool) {
	t := triple{parent, child, kind}
	if id, ok := n.edges.find(t); ok {
		return id, true
	}
	if len(n.edges.list) >= maxDigestEdges {
		return 0, false
	}
	return n.edges.add(t), true
}
