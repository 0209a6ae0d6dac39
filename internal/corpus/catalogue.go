package corpus

import (
	"fmt"
	"strings"
)

const (
	operationsPerService = 10
	tenants              = 200
	users                = 100_000
	featureFlags         = 30
)

// Self times are log-normal around a median per operation, drawn
// log-uniformly from [0.3, 16) ms. The sigmas are in powers of two, Q16.
const (
	selfMedianMin  = 300_000 // ns
	selfMedianSpan = 375_800 // log2(16 / 0.3) in Q16
	selfSigma      = 56_700
)

// catalogue is what all traces of a seed share: services, their operations
// and instances, and the tables of attribute values. It is read-only.
type catalogue struct {
	services   []service
	operations []operation // service × operationsPerService + verb
	instances  []instance
	resources  []Resource // decoded, by instance
	scopes     []Scope    // by language
	statements []statement
	functions  []function
	tables     [keyCount]table
	tenantRank zipf

	browserIDs, agentIDs []uint64 // user agents: of browsers, by language
	flagIDs, tenantIDs   []uint64
	destinationIDs       []uint64
	reasonIDs            []uint64
	exceptionIDs         []uint64
	stackIDs             []uint64 // service × exceptions + exception
	rpcSystem, http11    uint64
	ipv4, tcp            uint64
	errorCall, errorDB   uint64
}

type service struct {
	name      string
	noun      string
	tier      int
	http      bool
	language  int
	instances []int // indices into catalogue.instances
	functions []int // indices into catalogue.functions
	database  int   // index into databases
	hosts     []uint64
	port      uint64
	dbPercent uint64
}

type operation struct {
	service    int
	name       string // of the server span and of its callers' client spans
	path       []string
	fixed      []attr // protocol attributes of both spans
	success    uint64 // HTTP status
	selfMedian int64
	parallel   bool
	calls      []int // indices into catalogue.operations
	statements []int // indices into catalogue.statements
}

type statement struct {
	name   string
	fixed  []attr
	query  []uint64 // variants of the text
	median int64
}

type function struct {
	name   string
	fixed  []attr
	median int64
}

type instance struct {
	service int
	address uint64 // server.address
	ip      uint64
	wire    []byte // ResourceSpans.resource, tag and length included
}

func newCatalogue(seed uint64) *catalogue {
	c := &catalogue{tenantRank: newZipf(tenants)}
	for k := range c.tables {
		name := keys[k].name
		c.tables[k].ids = make(map[string]int)
		c.tables[k].prefix = append([]byte{0x0a, byte(len(name))}, name...)
	}
	src := newSource(seed, streamCatalogue, 0)
	c.addSharedValues()
	for tier, names := range tierNames {
		for i, name := range names {
			c.addService(&src, service{name: name, tier: tier, http: i%httpEvery[tier] == 0})
		}
	}
	for i := range c.services {
		c.addOperations(&src, i)
	}
	c.addCalls(&src)
	return c
}

// addSharedValues fills the tables whose values belong to no service.
func (c *catalogue) addSharedValues() {
	ids := func(k key, values []string) []uint64 {
		out := make([]uint64, len(values))
		for i, v := range values {
			out[i] = c.tables[k].id(v)
		}
		return out
	}
	numbered := func(format string, n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf(format, i)
		}
		return out
	}
	c.browserIDs = ids(keyUserAgent, browsers)
	for _, l := range languages {
		c.agentIDs = append(c.agentIDs, c.tables[keyUserAgent].id(l.userAgent))
		c.scopes = append(c.scopes, l.scope)
	}
	c.flagIDs = ids(keyFeatureFlag, numbered("experiment-%02d", featureFlags))
	c.tenantIDs = ids(keyTenant, numbered("tenant-%03d", tenants))
	c.destinationIDs = ids(keyDestination, destinations)
	c.reasonIDs = ids(keyLinkReason, linkReasons)
	for _, e := range exceptions {
		c.exceptionIDs = append(c.exceptionIDs, c.tables[keyExceptionType].id(e.class))
	}
	c.rpcSystem = c.tables[keyRPCSystem].id("grpc")
	c.ipv4 = c.tables[keyNetworkType].id("ipv4")
	c.tcp = c.tables[keyTransport].id("tcp")
	c.http11 = c.tables[keyProtocolVersion].id("1.1")
	c.errorCall = c.tables[keyErrorType].id("500")
	c.errorDB = c.tables[keyErrorType].id("57014")
}

// addService completes s and adds it, with its instances, database hosts,
// functions and stacks.
func (c *catalogue) addService(src *source, s service) {
	index := len(c.services)
	s.noun = s.name
	if s.tier == tierGateway {
		s.noun = gatewayNouns[index]
	}
	s.language = src.pick(len(languages))
	s.database = src.pick(len(databases))
	s.port = 8080 + uint64(index)
	s.dbPercent = 25 + 25*uint64(s.tier)
	hosts := 1
	if s.tier == tierStore {
		hosts = 2
	}
	db := databases[s.database]
	for h := range hosts {
		host := fmt.Sprintf("%s-%s-%d.db.internal", s.name, db.system, h)
		s.hosts = append(s.hosts, c.tables[keyServerAddress].id(host))
	}
	for range 3 + src.pick(6) {
		s.instances = append(s.instances, c.addInstance(src, index, &s))
	}
	first := src.pick(len(functions))
	for f := range 6 {
		s.functions = append(s.functions, c.addFunction(src, &s, functions[(first+f)%len(functions)]))
	}
	for e := range exceptions {
		c.stackIDs = append(c.stackIDs, c.tables[keyExceptionStack].id(stack(src, &s, e)))
	}
	c.services = append(c.services, s)
}

func (c *catalogue) addFunction(src *source, s *service, name string) int {
	full := strings.ReplaceAll(s.name, "-", "_") + "." + name
	c.functions = append(c.functions, function{
		name:   name,
		median: scale(40_000, int64(src.below(5*one))),
		fixed: []attr{
			{keyFunction, c.tables[keyFunction].id(full)},
			{keyLine, 20 + src.below(900)},
		},
	})
	return len(c.functions) - 1
}

// stack builds one exception's stack as seen in one service: 8 to 13 frames.
func stack(src *source, s *service, exception int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: in %s\n", exceptions[exception].class, s.name)
	for range 8 + src.pick(6) {
		fmt.Fprintf(&b, languages[s.language].frame, functions[src.pick(len(functions))], 10+src.pick(990))
	}
	return b.String()
}

// addInstance adds an instance of the service with its 12 resource attributes.
func (c *catalogue) addInstance(src *source, index int, s *service) int {
	l := &languages[s.language]
	hash := src.next()
	pod := string(appendHex(append([]byte(s.name), '-'), hash, 10)) + "-" + string(appendHex(nil, hash>>40, 5))
	node := fmt.Sprintf("ip-10-%d-%d-%d.eu-central-1.compute.internal", src.pick(4), src.pick(256), src.pick(256))
	id := string(appendHex(nil, src.next(), 16)) + string(appendHex(nil, src.next(), 16))
	resource := Resource{Service: s.name, Attrs: []Attr{
		{"service.name", String(s.name)},
		{"service.namespace", String("shop")},
		{"service.version", String(fmt.Sprintf("%d.%d.%d", 1+index%4, index*7%20, src.pick(3)))},
		{"service.instance.id", String(id)},
		{"deployment.environment.name", String("production")},
		{"cloud.availability_zone", String(zones[src.pick(len(zones))])},
		{"host.name", String(node)},
		{"k8s.pod.name", String(pod)},
		{"k8s.namespace.name", String("shop-prod")},
		{"process.pid", Int(1 + int64(src.below(30_000)))},
		{"telemetry.sdk.language", String(l.name)},
		{"telemetry.sdk.version", String(l.sdkVersion)},
	}}
	c.resources = append(c.resources, resource)
	c.instances = append(c.instances, instance{
		service: index,
		address: c.tables[keyServerAddress].id(fmt.Sprintf("%s-%d.shop.svc", s.name, len(s.instances))),
		ip:      10<<24 | src.below(1<<24),
		wire:    appendResource(nil, &resource),
	})
	return len(c.instances) - 1
}

// addOperations adds the ten operations of a service, without their calls.
func (c *catalogue) addOperations(src *source, index int) {
	s := &c.services[index]
	for verb := range operationsPerService {
		op := operation{
			service:    index,
			success:    successes[verb],
			selfMedian: scale(selfMedianMin, int64(src.below(selfMedianSpan))),
			parallel:   src.chance(4_000),
		}
		if s.http {
			c.describeHTTP(&op, s, verb)
		} else {
			c.describeRPC(&op, s, verb)
		}
		for range 2 + src.pick(2) {
			op.statements = append(op.statements, c.addStatement(src, s))
		}
		c.operations = append(c.operations, op)
	}
}

func (c *catalogue) describeHTTP(op *operation, s *service, verb int) {
	route := fmt.Sprintf(routes[verb], s.noun)
	op.name = methods[verb] + " " + route
	op.path = strings.Split(strings.ReplaceAll(route, "{item}", "{id}"), "{id}")
	op.fixed = []attr{
		{keyHTTPMethod, c.tables[keyHTTPMethod].id(methods[verb])},
		{keyHTTPRoute, c.tables[keyHTTPRoute].id(route)},
	}
}

func (c *catalogue) describeRPC(op *operation, s *service, verb int) {
	rpc := "shop." + strings.ReplaceAll(s.noun, "-", "") + ".v1." + camel(s.noun) + "Service"
	op.name = rpc + "/" + verbs[verb]
	op.fixed = []attr{
		{keyRPCSystem, c.rpcSystem},
		{keyRPCService, c.tables[keyRPCService].id(rpc)},
		{keyRPCMethod, c.tables[keyRPCMethod].id(verbs[verb])},
	}
}

// camel turns "address-book" into "AddressBook".
func camel(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// addStatement adds one database statement of the service with one to four
// variants of its text.
func (c *catalogue) addStatement(src *source, s *service) int {
	db := &databases[s.database]
	verb := db.operations[src.pick(len(db.operations))]
	collection := strings.ReplaceAll(s.noun, "-", "_")
	if suffix := src.pick(3); suffix > 0 {
		collection += [...]string{"", "_items", "_history"}[suffix]
	}
	st := statement{
		name:   verb + " " + collection,
		median: scale(330_000, int64(src.below(4*one))),
		fixed: []attr{
			{keyDBSystem, c.tables[keyDBSystem].id(db.system)},
			{keyDBNamespace, c.tables[keyDBNamespace].id(strings.ReplaceAll(s.noun, "-", "_"))},
			{keyDBOperation, c.tables[keyDBOperation].id(verb)},
			{keyDBCollection, c.tables[keyDBCollection].id(collection)},
			{keyServerPort, db.port},
			{keyDBPool, c.tables[keyDBPool].id(s.name + "-pool")},
		},
	}
	for range 1 + src.pick(4) {
		st.query = append(st.query, c.tables[keyDBQuery].id(queryText(src, verb, collection)))
	}
	c.statements = append(c.statements, st)
	return len(c.statements) - 1
}

// queryText builds one statement text from random columns.
func queryText(src *source, verb, collection string) string {
	picked := make([]string, 2+src.pick(4))
	for i := range picked {
		picked[i] = columns[src.pick(len(columns))]
	}
	where, limit := columns[src.pick(len(columns))], 10*(1+src.pick(50))
	switch verb {
	case "SELECT":
		return fmt.Sprintf("SELECT %s FROM %s WHERE id = $1 AND %s = $2 LIMIT %d",
			strings.Join(picked, ", "), collection, where, limit)
	case "INSERT":
		return fmt.Sprintf("INSERT INTO %s (id, %s) VALUES ($1, $2, $3) ON CONFLICT (%s) DO NOTHING",
			collection, strings.Join(picked, ", "), where)
	case "UPDATE":
		return fmt.Sprintf("UPDATE %s SET %s = $1 WHERE id = $2 AND %s < %d",
			collection, strings.Join(picked, " = $3, "), where, limit)
	case "DELETE":
		return fmt.Sprintf("DELETE FROM %s WHERE %s = $1 AND %s < $2 LIMIT %d", collection, picked[0], where, limit)
	case "find", "aggregate", "insert", "update":
		return fmt.Sprintf(`{"%s": "%s", "filter": {"%s": "?"}, "projection": ["%s"], "batchSize": %d}`,
			verb, collection, where, strings.Join(picked, `", "`), limit)
	default:
		return fmt.Sprintf("%s %s:%s:? %s %d", verb, collection, where, picked[0], limit)
	}
}

// addCalls gives every operation above the stores two to five possible calls
// to operations in lower tiers. The calls of a tier are dealt from one shuffled
// deck that holds each operation of the next tier once and is filled up with
// random ones of all lower tiers: so every operation has a caller.
func (c *catalogue) addCalls(src *source) {
	first := 0
	for tier := range tierStore {
		last := first + len(tierNames[tier])*operationsPerService
		next := last + len(tierNames[tier+1])*operationsPerService
		counts := make([]int, last-first)
		total := 0
		for i := range counts {
			counts[i] = 2 + src.pick(4)
			total += counts[i]
		}
		deck := make([]int, total)
		for i := range deck {
			deck[i] = last + i
			if deck[i] >= next {
				deck[i] = last + src.pick(len(c.operations)-last)
			}
		}
		for i := len(deck) - 1; i > 0; i-- {
			j := src.pick(i + 1)
			deck[i], deck[j] = deck[j], deck[i]
		}
		for i, n := range counts {
			c.operations[first+i].calls, deck = deck[:n:n], deck[n:]
		}
		first = last
	}
}
