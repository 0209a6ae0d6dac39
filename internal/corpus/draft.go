package corpus

// Shape of a trace.
const (
	sizeMin    = 8
	sizeMax    = 40
	sizeMedian = 1_277_952 // 19.5 in Q16; the fraction is cut off
	sizeSigma  = 41_000    // powers of two, Q16

	callChance     = 7_500 // of 10,000, per possible call
	internalChance = 2_500
	secondDBChance = 3_000
	slowChance     = 20
	linkChance     = 100
	orderChance    = 500
)

// role tells what a span stands for, and so which attributes it has.
type role uint8

const (
	roleServer role = iota
	roleClient
	roleDB
	roleInternal
)

// noParent is the root's parent.
const noParent = -1

// spanDraft is a span in numbers. Times are relative to the trace's start.
type spanDraft struct {
	id       uint64
	parent   int
	role     role
	failed   bool
	instance int
	peer     int    // instance at the other end of a call; noParent for users
	subject  int    // operation, statement or function, by role
	path     uint64 // of keyURLPath
	host     uint64 // of keyServerAddress, databases only

	start, duration int64
	self            int64 // time not spent in children
	lead            int64 // share of the parent's gap before this span, Q16
	cursor          int64 // where the next sequential child starts
	forked          int64 // longest of the children that run side by side
	children        int64

	attrs  extent // in draft.attrs
	events extent // in draft.events
}

// extent is a half-open range of an arena.
type extent struct{ start, end int }

type eventDraft struct {
	name  string
	time  int64
	attrs extent
}

// draft is one trace in numbers, from which both the wire form and the plain
// structs are rendered. It is reused from trace to trace.
type draft struct {
	cat    *catalogue
	src    source
	index  int
	id     identity
	start  int64 // Unix nanoseconds
	spans  []spanDraft
	attrs  []attr
	events []eventDraft

	slow    bool
	tenant  uint64
	user    uint64
	request uint64
	order   uint64 // 0: the trace has none
	browser uint64
	address uint64
	link    linkDraft
}

type linkDraft struct {
	present bool
	target  int // trace index
	id      identity
	reason  uint64
}

// fill draws the trace anew, but for index, id and start, which the caller has
// set. The draws happen in the order of the code.
func (d *draft) fill(src source) {
	d.src = src
	d.spans, d.attrs, d.events = d.spans[:0], d.attrs[:0], d.events[:0]
	d.drawTrace()
	d.grow()
	d.settle()
	d.place()
	for i := range d.spans {
		d.describe(&d.spans[i])
		d.annotate(&d.spans[i])
	}
}

// drawTrace draws what all spans of the trace share.
func (d *draft) drawTrace() {
	s := &d.src
	d.slow = s.chance(slowChance)
	d.tenant = d.cat.tenantIDs[d.cat.tenantRank.draw(s)]
	u := s.next() >> 32
	d.user = u * u >> 32 * users >> 32 // the square skews towards low numbers
	d.request = s.next()
	d.order = 0
	if s.chance(orderChance) {
		d.order = s.next() | 1
	}
	d.browser = d.cat.browserIDs[s.pick(len(browsers))]
	d.address = s.below(1<<32 - 1)
	d.link = linkDraft{present: s.chance(linkChance)}
	if d.link.present {
		d.link.target = s.pick(max(d.index, 1))
		d.link.reason = d.cat.reasonIDs[s.pick(len(linkReasons))]
	}
}

// grow builds the tree breadth first up to the drawn size.
func (d *draft) grow() {
	s := &d.src
	size := int(min(max(s.lognormal(sizeMedian, sizeSigma)>>16, sizeMin), sizeMax))
	root := min(s.pick(len(tierNames[tierGateway])*operationsPerService), s.pick(len(tierNames[tierGateway])*operationsPerService))
	d.addServer(noParent, root, d.pathOf(root))
	for i := 0; i < len(d.spans) && len(d.spans) < size; i++ {
		if d.spans[i].role == roleServer {
			d.expand(i, size)
		}
	}
	for len(d.spans) < size {
		parent := s.pick(len(d.spans))
		for d.spans[parent].role != roleServer {
			parent = d.spans[parent].parent
		}
		d.addInternal(parent)
	}
}

// expand adds the children of server span i as far as the size allows.
func (d *draft) expand(i, size int) {
	s := &d.src
	op := &d.cat.operations[d.spans[i].subject]
	svc := &d.cat.services[op.service]
	if s.chance(internalChance) {
		d.addInternal(i)
	}
	if len(d.spans) < size && s.below(100) < svc.dbPercent {
		d.addDB(i, op, svc)
		if len(d.spans) < size && s.chance(secondDBChance) {
			d.addDB(i, op, svc)
		}
	}
	for _, callee := range op.calls {
		if len(d.spans)+2 > size {
			return
		}
		if s.chance(callChance) {
			d.addCall(i, callee)
		}
	}
}

func (d *draft) add(s spanDraft) {
	s.id = d.id.root
	if s.parent != noParent {
		s.id = d.src.next()
	}
	s.lead = int64(d.src.below(one))
	if d.slow {
		s.self *= 20 + int64(d.src.below(81))
	}
	if s.parent != noParent {
		d.spans[s.parent].children++
	}
	d.spans = append(d.spans, s)
}

// pathOf draws the parameters of an operation's path.
func (d *draft) pathOf(op int) uint64 { return uint64(op)<<40 | d.src.next()>>24 }

func (d *draft) addServer(parent, op int, path uint64) {
	o := &d.cat.operations[op]
	instances := d.cat.services[o.service].instances
	s := spanDraft{
		role: roleServer, parent: parent, peer: noParent, subject: op, path: path,
		instance: instances[d.src.pick(len(instances))],
		self:     d.src.lognormal(o.selfMedian, selfSigma),
	}
	if parent != noParent {
		s.peer = d.spans[parent].instance
		d.spans[parent].peer = s.instance
	}
	d.add(s)
}

// addCall adds a client span under server span parent, and its server span.
func (d *draft) addCall(parent, callee int) {
	path := d.pathOf(callee)
	client := len(d.spans)
	d.add(spanDraft{
		role: roleClient, parent: parent, subject: callee, path: path,
		instance: d.spans[parent].instance,
		self:     d.src.lognormal(450_000, 40_000),
	})
	d.addServer(client, callee, path)
}

func (d *draft) addDB(parent int, op *operation, svc *service) {
	statement := op.statements[d.src.pick(len(op.statements))]
	d.add(spanDraft{
		role: roleDB, parent: parent, subject: statement,
		instance: d.spans[parent].instance,
		host:     svc.hosts[d.src.pick(len(svc.hosts))],
		self:     d.src.lognormal(d.cat.statements[statement].median, 55_000),
	})
}

func (d *draft) addInternal(parent int) {
	instance := d.spans[parent].instance
	functions := d.cat.services[d.cat.instances[instance].service].functions
	f := functions[d.src.pick(len(functions))]
	d.add(spanDraft{
		role: roleInternal, parent: parent, subject: f, instance: instance,
		self: d.src.lognormal(d.cat.functions[f].median, 60_000),
	})
}
