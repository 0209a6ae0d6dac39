package corpus

import "fmt"

// The services of the shop.
const (
	svcFrontend = iota
	svcCatalog
	svcSearch
	svcRecommendation
	svcReviews
	svcPricing
	svcInventory
	svcCart
	svcCheckout
	svcPayment
	svcShipping
	svcNotification
	shopServices
)

const podsPerService = 3

// library is a part of a service's instrumentation: an index into its scopes.
type library int

const (
	libHTTP library = iota
	libRPC
	libDB
	libMessaging
)

type shopDB struct {
	system, name, host string
	port               int64
}

// shopService is one service: three pods, of its release and of the next.
type shopService struct {
	name      string
	database  shopDB
	resources []Resource
	next      []Resource // of the release that goes live with the incident
	scopes    []Scope    // by library
}

type servicePlan struct {
	name, language, version, next string
	database                      shopDB
}

var shopPlan = [shopServices]servicePlan{
	svcFrontend:       {"frontend", "nodejs", "3.18.2", "3.18.2", shopDB{}},
	svcCatalog:        {"catalog", "go", "1.42.0", "1.42.0", shopDB{"postgresql", "catalog", "catalog-pg.db.internal", 5432}},
	svcSearch:         {"search", "java", "2.9.1", "2.9.1", shopDB{"opensearch", "products", "search-os.db.internal", 9200}},
	svcRecommendation: {"recommendation", "python", "2.4.3", "2.5.0", shopDB{"redis", "recommendation", "reco-redis.db.internal", 6379}},
	svcReviews:        {"reviews", "nodejs", "0.31.0", "0.31.0", shopDB{"mongodb", "reviews", "reviews-mongo.db.internal", 27017}},
	svcPricing:        {"pricing", "dotnet", "5.2.0", "5.2.0", shopDB{"redis", "pricing", "pricing-redis.db.internal", 6379}},
	svcInventory:      {"inventory", "java", "4.0.7", "4.0.7", shopDB{"mysql", "inventory", "inventory-mysql.db.internal", 3306}},
	svcCart:           {"cart", "go", "1.11.5", "1.11.5", shopDB{"redis", "cart", "cart-redis.db.internal", 6379}},
	svcCheckout:       {"checkout", "go", "1.27.0", "1.27.0", shopDB{"postgresql", "orders", "orders-pg.db.internal", 5432}},
	svcPayment:        {"payment", "java", "6.3.2", "6.3.2", shopDB{"postgresql", "payment", "payment-pg.db.internal", 5432}},
	svcShipping:       {"shipping", "go", "1.8.9", "1.8.9", shopDB{"postgresql", "shipping", "shipping-pg.db.internal", 5432}},
	svcNotification:   {"notification", "python", "0.9.4", "0.9.4", shopDB{}},
}

// shopScopes names the instrumentation libraries of each language.
var shopScopes = map[string][]Scope{
	"go": {
		{"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", "0.63.0"},
		{"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc", "0.63.0"},
		{"github.com/XSAM/otelsql", "0.40.0"},
		{"github.com/twmb/franz-go/plugin/kotel", "1.6.0"},
	},
	"java": {
		{"io.opentelemetry.tomcat-10.0", "2.20.1-alpha"},
		{"io.opentelemetry.grpc-1.6", "2.20.1-alpha"},
		{"io.opentelemetry.jdbc", "2.20.1-alpha"},
		{"io.opentelemetry.kafka-clients-0.11", "2.20.1-alpha"},
	},
	"nodejs": {
		{"@opentelemetry/instrumentation-http", "0.205.0"},
		{"@opentelemetry/instrumentation-grpc", "0.205.0"},
		{"@opentelemetry/instrumentation-mongodb", "0.58.0"},
		{"@opentelemetry/instrumentation-kafkajs", "0.14.0"},
	},
	"python": {
		{"opentelemetry.instrumentation.fastapi", "0.58b0"},
		{"opentelemetry.instrumentation.grpc", "0.58b0"},
		{"opentelemetry.instrumentation.redis", "0.58b0"},
		{"opentelemetry.instrumentation.confluent_kafka", "0.58b0"},
	},
	"dotnet": {
		{"OpenTelemetry.Instrumentation.AspNetCore", "1.12.0"},
		{"OpenTelemetry.Instrumentation.GrpcNetClient", "1.12.0"},
		{"OpenTelemetry.Instrumentation.StackExchangeRedis", "1.12.0"},
		{"Confluent.Kafka.Extensions.Diagnostics", "0.5.0"},
	},
}

func newShopService(src *source, plan servicePlan) shopService {
	return shopService{
		name:      plan.name,
		database:  plan.database,
		resources: newPods(src, plan, plan.version),
		next:      newPods(src, plan, plan.next),
		scopes:    shopScopes[plan.language],
	}
}

func newPods(src *source, plan servicePlan, version string) []Resource {
	out := make([]Resource, podsPerService)
	set := src.next()
	for i := range out {
		pod := fmt.Sprintf("%s-%s-%s", plan.name, appendHex(nil, set, 9), appendHex(nil, src.next(), 5))
		out[i] = Resource{Service: plan.name, Attrs: []Attr{
			{"service.name", String(plan.name)},
			{"service.namespace", String("shop")},
			{"service.version", String(version)},
			{"service.instance.id", String(pod)},
			{"deployment.environment.name", String("demo")},
			{"k8s.namespace.name", String("shop")},
			{"k8s.pod.name", String(pod)},
			{"k8s.node.name", String(fmt.Sprintf("node-%d", 1+src.pick(6)))},
			{"cloud.availability_zone", String(zones[i%len(zones)])},
			{"telemetry.sdk.name", String("opentelemetry")},
			{"telemetry.sdk.language", String(plan.language)},
		}}
	}
	return out
}

var products = []string{
	"Trail Running Shoes", "Merino T-Shirt", "Espresso Machine", "Cast Iron Pan", "Noise Cancelling Headphones",
	"Yoga Mat", "Rain Jacket", "Mechanical Keyboard", "Desk Lamp", "Camping Stove", "Hiking Backpack",
	"Stainless Water Bottle", "Wool Blanket", "Bread Knife", "Bluetooth Speaker", "Bike Helmet", "Garden Shears",
	"Board Game", "Picture Frame", "Linen Shirt", "Pocket Torch", "Salad Bowl", "Office Chair", "Wall Clock",
	"Sleeping Bag", "Sunglasses", "Travel Mug", "Puzzle, 1000 Pieces", "Cookbook", "Climbing Rope",
	"Table Tennis Set", "Winter Gloves", "Coffee Grinder", "Phone Stand", "Laptop Sleeve", "Herb Planter",
	"Swim Goggles", "Paint Set", "Tool Box", "Aspen Sapling",
}

var (
	countries   = []string{"DE", "FR", "NL", "PL", "IT", "ES", "SE", "AT"}
	searchTerms = []string{
		"running shoes", "gift", "headphones", "knife", "rain jacket", "lamp", "camping", "coffee", "yoga",
		"chair", "backpack", "bottle", "winter", "game", "blanket", "keyboard",
	}
)
