package corpus

// The tiers: an operation calls into lower tiers only.
const (
	tierGateway = iota
	tierEdge
	tierDomain
	tierStore
	tierCount
)

// tierNames lists the 50 services by tier.
var tierNames = [tierCount][]string{
	tierGateway: {"web-gateway", "mobile-gateway", "partner-gateway", "admin-gateway", "public-api"},
	tierEdge: {
		"storefront", "search", "catalog", "cart", "checkout", "orders", "account", "recommendation",
		"reviews", "wishlist", "returns", "subscription", "support", "loyalty", "content",
	},
	tierDomain: {
		"payment", "billing", "invoice", "pricing", "promotion", "tax", "inventory", "shipping",
		"fulfilment", "warehouse", "identity", "session", "profile", "address-book", "fraud",
		"currency", "ranking", "geo", "audit", "notification",
	},
	tierStore: {
		"order-store", "product-store", "user-store", "stock-store", "ledger-store",
		"document-store", "event-store", "media-store", "price-store", "feature-store",
	},
}

// httpEvery picks the HTTP services: all gateways, and of the other tiers
// every httpEvery[tier]-th, starting with the first. 18 in all.
var httpEvery = [tierCount]int{1, 3, 4, 4}

// gatewayNouns are what the gateways' routes speak of; any other service's
// noun is its name.
var gatewayNouns = [...]string{"pages", "screens", "partners", "admin", "objects"}

// verbs are the ten operations of a gRPC service, methods and routes those of
// an HTTP service; %s is the service's noun.
var (
	verbs = [operationsPerService]string{
		"Get", "List", "Create", "Update", "Delete", "Search", "BatchGet", "Confirm", "Reserve", "GetHistory",
	}
	methods = [operationsPerService]string{
		"GET", "GET", "POST", "PUT", "DELETE", "GET", "POST", "POST", "GET", "PATCH",
	}
	routes = [operationsPerService]string{
		"/v1/%s/{id}", "/v1/%s", "/v1/%s/batch", "/v1/%s/{id}/state", "/v1/%s/{id}/items/{item}",
		"/v1/%s/search", "/v1/%s/{id}/items", "/v1/%s/{id}/items/{item}/confirm",
		"/v1/%s/{id}/history", "/v1/%s/{id}/settings",
	}
	// successes are the HTTP status codes of the ten when all goes well.
	successes = [operationsPerService]uint64{200, 200, 201, 200, 204, 200, 200, 201, 200, 204}
)

// language is one runtime: what its SDK and its instrumentation call themselves.
type language struct {
	name, sdkVersion string
	scope            Scope
	userAgent        string
	frame            string // one line of a stack: %s function, %d line
}

var languages = []language{
	{
		"go", "1.38.0",
		Scope{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0"},
		"Go-http-client/2.0", "%s(0xc000a1e000, {0x1a2b3c8, 0xc0004d2150})\n\t/src/app/%[1]s.go:%d +0x1c5\n",
	},
	{
		"java", "1.54.1",
		Scope{"io.opentelemetry.tomcat-10.0", "2.20.1-alpha"},
		"okhttp/4.12.0", "\tat com.example.shop.%s.invoke(Handler.java:%d)\n",
	},
	{
		"python", "1.37.0",
		Scope{"opentelemetry.instrumentation.fastapi", "0.58b0"},
		"python-httpx/0.28.1", "  File \"/app/%s.py\", line %d, in handle\n    return await self.next(request)\n",
	},
	{
		"nodejs", "2.1.0",
		Scope{"@opentelemetry/instrumentation-http", "0.205.0"},
		"node-fetch/3.3.2", "    at async %s (/app/dist/server.js:%d:17)\n",
	},
	{
		"dotnet", "1.12.0",
		Scope{"OpenTelemetry.Instrumentation.AspNetCore", "1.12.0"},
		"Dapr/1.15 dotnet", "   at Shop.%s.HandleAsync(HttpContext context) in /src/Handlers.cs:line %d\n",
	},
}

// browsers are the user agents of root spans; with the languages' own, eleven.
var browsers = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
	"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
	"ShopApp/8.14.2 (Android 15; Pixel 9)",
	"partner-sdk/3.2.0",
}

// database is one database system and the operations it is asked for.
type database struct {
	system     string
	port       uint64
	operations [4]string
}

var databases = []database{
	{"postgresql", 5432, [4]string{"SELECT", "SELECT", "INSERT", "UPDATE"}},
	{"mysql", 3306, [4]string{"SELECT", "SELECT", "UPDATE", "DELETE"}},
	{"redis", 6379, [4]string{"GET", "HGETALL", "SETEX", "ZRANGE"}},
	{"mongodb", 27017, [4]string{"find", "aggregate", "insert", "update"}},
	{"cassandra", 9042, [4]string{"SELECT", "SELECT", "INSERT", "UPDATE"}},
}

// columns feed the variants of query texts.
var columns = []string{
	"id", "state", "created_at", "updated_at", "tenant_id", "owner_id", "amount", "currency",
	"quantity", "version", "sku", "region", "payload", "expires_at", "priority", "checksum",
}

// functions name the internal spans of a service.
var functions = []string{
	"validate", "authorize", "load_config", "render", "serialize", "compute", "apply_rules", "enrich",
	"normalize", "score", "merge_results", "publish",
}

// exceptions are the exception types with the start of their messages, which
// end in a number of milliseconds.
var exceptions = []struct{ class, message string }{
	{"DeadlineExceeded", "upstream did not answer within "},
	{"ConnectionReset", "connection reset by peer after "},
	{"LockTimeout", "could not obtain lock on row within "},
	{"NullReference", "unexpected empty response after "},
	{"CircuitOpen", "circuit breaker is open, retry in "},
}

var (
	cacheSpaces  = []string{"product:", "price:", "session:", "user:", "stock:", "geo:"}
	destinations = []string{"order-events", "stock-events", "mail-outbox", "audit-log", "price-changes"}
	linkReasons  = []string{"retry_of", "batch_member", "triggered_by"}
	zones        = []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}
)
