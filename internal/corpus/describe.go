package corpus

// describe appends a span's attributes in their fixed order.
func (d *draft) describe(s *spanDraft) {
	s.attrs.start = len(d.attrs)
	switch s.role {
	case roleServer:
		d.describeServer(s)
	case roleClient:
		d.describeClient(s)
	case roleDB:
		d.describeDB(s)
	default:
		d.describeInternal(s)
	}
	s.attrs.end = len(d.attrs)
}

func (d *draft) put(k key, num uint64) { d.attrs = append(d.attrs, attr{k, num}) }

// putStatus appends the protocol's status code. One HTTP request in 64 that
// succeeds finds nothing.
func (d *draft) putStatus(s *spanDraft, op *operation) {
	if !d.cat.services[op.service].http {
		code := uint64(0)
		if s.failed {
			code = 13
		}
		d.put(keyRPCStatus, code)
		return
	}
	code := op.success
	if s.path&63 == 0 {
		code = 404
	}
	if s.failed {
		code = 500
	}
	d.put(keyHTTPStatus, code)
}

func (d *draft) putError(s *spanDraft, kind uint64) {
	if s.failed {
		d.put(keyErrorType, kind)
	}
}

func (d *draft) describeServer(s *spanDraft) {
	op := &d.cat.operations[s.subject]
	d.attrs = append(d.attrs, op.fixed...)
	if d.cat.services[op.service].http {
		d.put(keyURLPath, s.path)
		agent := d.browser
		if s.peer != noParent {
			agent = d.cat.agentIDs[d.cat.services[d.cat.instances[s.peer].service].language]
		}
		d.put(keyUserAgent, agent)
	}
	d.putStatus(s, op)
	d.put(keyServerAddress, d.cat.instances[s.instance].address)
	address := d.address
	if s.peer != noParent {
		address = d.cat.instances[s.peer].ip
	}
	d.put(keyClientAddress, address)
	d.put(keyTenant, d.tenant)
	d.put(keyUserID, d.user)
	d.put(keyRequestID, d.request)
	d.put(keyThread, 1+d.src.below(64))
	if d.src.chance(4_000) {
		d.put(keyFeatureFlag, d.cat.flagIDs[d.src.pick(featureFlags)])
	}
	if d.order != 0 {
		d.put(keyOrderID, d.order)
	}
	d.putError(s, d.cat.errorCall)
}

func (d *draft) describeClient(s *spanDraft) {
	op := &d.cat.operations[s.subject]
	svc := &d.cat.services[op.service]
	if svc.http {
		d.attrs = append(d.attrs, op.fixed[0]) // clients do not know the route
		d.put(keyURLPath, s.path)
		d.put(keyProtocolVersion, d.cat.http11)
	} else {
		d.attrs = append(d.attrs, op.fixed...)
	}
	d.putStatus(s, op)
	d.put(keyNetworkType, d.cat.ipv4)
	d.put(keyTransport, d.cat.tcp)
	d.put(keyServerPort, svc.port)
	d.put(keyServerAddress, d.cat.instances[s.peer].address)
	d.put(keyTenant, d.tenant)
	d.put(keyRetry, d.src.below(100)/97)
	d.putError(s, d.cat.errorCall)
}

func (d *draft) describeDB(s *spanDraft) {
	st := &d.cat.statements[s.subject]
	d.attrs = append(d.attrs, st.fixed...)
	d.put(keyServerAddress, s.host)
	d.put(keyDBQuery, st.query[d.src.pick(len(st.query))])
	rows := d.src.below(64)
	d.put(keyDBRows, rows*rows>>5)
	d.put(keyTenant, d.tenant)
	d.putError(s, d.cat.errorDB)
}

func (d *draft) describeInternal(s *spanDraft) {
	d.attrs = append(d.attrs, d.cat.functions[s.subject].fixed...)
	d.put(keyThread, 1+d.src.below(64))
	d.put(keyTenant, d.tenant)
	d.put(keyUserID, d.user)
	d.put(keyRequestID, d.request)
	d.put(keyFeatureFlag, d.cat.flagIDs[d.src.pick(featureFlags)])
	d.put(keyCacheHit, d.src.below(100)/30&1)
	d.put(keyQueueWait, uint64(d.src.lognormal(400, 70_000)))
}

// Plain events, of 10,000 spans; failed spans have an exception event besides.
const eventChance = 1_000

// annotate appends a span's events.
func (d *draft) annotate(s *spanDraft) {
	s.events.start = len(d.events)
	if d.src.chance(eventChance) {
		d.addEvent(s)
	}
	if s.failed {
		d.addException(s)
	}
	s.events.end = len(d.events)
}

func (d *draft) addEvent(s *spanDraft) {
	e := eventDraft{time: s.start + d.within(s.duration), attrs: extent{start: len(d.attrs)}}
	switch d.src.below(3) {
	case 0:
		e.name = "cache.miss"
		d.put(keyCacheKey, d.src.next())
	case 1:
		e.name = "retry.scheduled"
		d.put(keyAttempt, 1+d.src.below(3))
		d.put(keyDelay, uint64(d.src.lognormal(50_000, 50_000)))
	default:
		e.name = "message.published"
		d.put(keyDestination, d.cat.destinationIDs[d.src.pick(len(destinations))])
		d.put(keyMessageSize, 100+d.src.below(4_000))
	}
	e.attrs.end = len(d.attrs)
	d.events = append(d.events, e)
}

func (d *draft) addException(s *spanDraft) {
	e := eventDraft{name: "exception", time: s.start + s.duration, attrs: extent{start: len(d.attrs)}}
	x := d.src.pick(len(exceptions))
	d.put(keyExceptionType, d.cat.exceptionIDs[x])
	d.put(keyExceptionMessage, uint64(x)<<32|d.src.below(5_000))
	d.put(keyExceptionStack, d.cat.stackIDs[d.cat.instances[s.instance].service*len(exceptions)+x])
	e.attrs.end = len(d.attrs)
	d.events = append(d.events, e)
}

// within draws a moment inside a duration.
func (d *draft) within(duration int64) int64 { return int64(d.src.below(uint64(duration))) }
