package corpus

import (
	"fmt"
	"strconv"
	"time"
)

// story is one kind of visit with its share of all visits.
type story struct {
	weight int
	tell   func(*teller)
}

// storyWeight is the sum of the stories' weights.
const storyWeight = 100

var stories = []story{
	{34, (*teller).viewProduct},
	{24, (*teller).viewHome},
	{16, (*teller).search},
	{12, (*teller).addToCart},
	{7, (*teller).viewCart},
	{5, (*teller).checkout},
	{2, (*teller).trackOrder},
}

const ms = time.Millisecond

// ok adapts a body that cannot fail to rpc.
func ok(body func()) func() string {
	return func() string {
		body()
		return ""
	}
}

// product draws a product, popular ones first.
func (t *teller) product() (sku, name string) {
	u := t.src.next() >> 32
	k := int(u * u >> 32 * uint64(len(products)) >> 32)
	return fmt.Sprintf("SKU-%d", 10_000+37*k), products[k]
}

func (t *teller) viewHome() {
	t.visit("GET", "/", "/", func() int64 {
		t.together(
			func() {
				t.rpc(svcCatalog, "ListFeatured", ok(func() {
					t.query("SELECT sku, name, image FROM products WHERE featured ORDER BY rank LIMIT 12", 12, 4*ms)
				}))
			},
			func() {
				t.rpc(svcRecommendation, "ListForUser", ok(func() {
					t.query("ZREVRANGE affinity:? 0 9", 10, ms/2)
					t.inside("rank", 3*ms)
				}))
			},
			func() { t.rpc(svcPricing, "ListPromotions", ok(func() { t.query("GET promotions:active", 1, ms/3) })) },
		)
		t.inside("render home", 6*ms)
		return 200
	})
}

func (t *teller) viewProduct() {
	sku, name := t.product()
	t.visit("GET", "/products/{sku}", "/products/"+sku, func() int64 {
		t.set("app.product.sku", String(sku))
		t.set("app.product.name", String(name))
		t.rpc(svcCatalog, "GetProduct", ok(func() {
			t.set("app.product.sku", String(sku))
			t.query("SELECT * FROM products WHERE sku = $1", 1, 2*ms)
		}))
		t.together(
			func() { t.rpc(svcPricing, "GetPrice", ok(func() { t.price(sku) })) },
			func() {
				t.rpc(svcInventory, "GetStock", ok(func() {
					t.query("SELECT warehouse, quantity FROM stock WHERE sku = ?", 3, 2*ms)
				}))
			},
			func() {
				t.rpc(svcReviews, "ListReviews", ok(func() {
					t.set("app.reviews.count", Int(int64(t.src.below(200))))
					t.query("find reviews", 10, 5*ms)
				}))
			},
			func() { t.related(sku) },
		)
		t.inside("render product", 5*ms)
		return 200
	})
}

func (t *teller) price(sku string) {
	hit := !t.src.chance(800)
	t.set("app.cache.hit", Bool(hit))
	t.query("GET price:?", 1, ms/3)
	if !hit {
		t.event("cache.miss", Attr{"cache.key", String("price:" + sku)})
		t.inside("compute price", 4*ms)
	}
	t.set("app.price", Double(float64(199+t.src.below(40_000))/100))
}

// related is where the planted fault is: release 2.5.0 fetches the related
// products one by one, by a query without an index.
func (t *teller) related(sku string) {
	t.rpc(svcRecommendation, "ListRelated", ok(func() {
		t.set("app.product.sku", String(sku))
		n := 14 + t.src.pick(11)
		t.query("ZREVRANGE related:? 0 24", int64(n), ms/2)
		t.set("app.related.count", Int(int64(n)))
		if !t.failing {
			t.rpc(svcCatalog, "BatchGetProducts", ok(func() {
				t.set("app.batch.size", Int(int64(n)))
				t.query("SELECT sku, name, image FROM products WHERE sku = ANY($1)", int64(n), 5*ms)
			}))
			return
		}
		for range n {
			other, _ := t.product()
			t.rpc(svcCatalog, "GetProductByAlias", ok(func() {
				t.set("app.product.sku", String(other))
				t.query("SELECT * FROM products WHERE lower(alias) = lower($1)", 1, 28*ms)
			}))
		}
	}))
}

func (t *teller) search() {
	term := searchTerms[t.src.pick(len(searchTerms))]
	t.visit("GET", "/search", "/search", func() int64 {
		t.set("app.search.term", String(term))
		failure := t.rpc(svcSearch, "Query", func() string {
			t.set("app.search.term", String(term))
			t.inside("parse query", ms/2)
			if t.src.chance(60) {
				t.work(900 * ms)
				t.throw("SearchTimeout", "no shard answered within 900 ms")
				return "search timed out"
			}
			hits := int64(t.src.below(400))
			t.query("search products", hits, 14*ms)
			t.set("app.search.hits", Int(hits))
			return ""
		})
		if failure != "" {
			return 503
		}
		t.rpc(svcPricing, "BatchGetPrices", ok(func() { t.query("MGET price:?", 24, ms/2) }))
		t.inside("render results", 4*ms)
		return 200
	})
}

func (t *teller) cartKey() string { return "cart-" + strconv.FormatUint(t.user, 10) }

func (t *teller) addToCart() {
	sku, name := t.product()
	t.visit("POST", "/cart/items", "/cart/items", func() int64 {
		t.set("app.product.sku", String(sku))
		t.set("app.product.name", String(name))
		t.rpc(svcCart, "AddItem", ok(func() {
			t.set("app.cart.id", String(t.cartKey()))
			t.rpc(svcInventory, "CheckAvailability", ok(func() {
				t.query("SELECT quantity FROM stock WHERE sku = ?", 1, 2*ms)
			}))
			t.query("HSET cart:?", 1, ms/2)
			t.event("item.added", Attr{"app.product.sku", String(sku)}, Attr{"app.quantity", Int(1 + int64(t.src.below(3)))})
		}))
		return 201
	})
}

func (t *teller) viewCart() {
	t.visit("GET", "/cart", "/cart", func() int64 {
		t.loadCart()
		t.rpc(svcPricing, "Quote", ok(func() {
			t.query("MGET price:?", 4, ms/2)
			t.inside("apply promotions", 2*ms)
		}))
		t.inside("render cart", 4*ms)
		return 200
	})
}

func (t *teller) loadCart() {
	t.rpc(svcCart, "GetCart", ok(func() {
		t.set("app.cart.id", String(t.cartKey()))
		items := 1 + int64(t.src.below(6))
		t.query("HGETALL cart:?", items, ms/2)
		t.set("app.cart.items", Int(items))
	}))
}

func (t *teller) trackOrder() {
	order := t.orderID()
	t.visit("GET", "/orders/{id}", "/orders/"+order, func() int64 {
		t.set("app.order.id", String(order))
		t.rpc(svcCheckout, "GetOrder", ok(func() {
			t.query("SELECT * FROM orders WHERE id = $1", 1, 2*ms)
		}))
		t.rpc(svcShipping, "TrackParcel", ok(func() {
			t.query("SELECT state, eta FROM parcels WHERE order_id = $1", 1, 3*ms)
		}))
		return 200
	})
}

func (t *teller) orderID() string { return string(appendHex([]byte("order-"), t.src.next(), 10)) }

func (t *teller) checkout() {
	order := t.orderID()
	t.visit("POST", "/checkout", "/checkout", func() int64 {
		t.set("app.order.id", String(order))
		failure := t.rpc(svcCheckout, "PlaceOrder", func() string { return t.placeOrder(order) })
		if failure != "" {
			return 502
		}
		t.inside("render confirmation", 3*ms)
		return 201
	})
}

// placeOrder plays the checkout service, across most of the shop.
func (t *teller) placeOrder(order string) string {
	amount := float64(990+t.src.below(60_000)) / 100
	t.set("app.order.id", String(order))
	t.set("app.order.amount", Double(amount))
	t.set("app.order.currency", String("EUR"))
	t.loadCart()
	t.rpc(svcPricing, "Quote", ok(func() {
		t.query("MGET price:?", 4, ms/2)
		t.inside("apply promotions", 2*ms)
	}))
	t.rpc(svcInventory, "Reserve", ok(func() {
		t.query("UPDATE stock SET reserved = reserved + ? WHERE sku = ?", 1, 4*ms)
	}))
	if failure := t.rpc(svcPayment, "Charge", func() string { return t.charge(order, amount) }); failure != "" {
		t.rpc(svcInventory, "Release", ok(func() {
			t.query("UPDATE stock SET reserved = reserved - ? WHERE sku = ?", 1, 4*ms)
		}))
		return failure
	}
	t.query("INSERT INTO orders (id, user_id, amount, state) VALUES ($1, $2, $3, $4)", 1, 4*ms)
	t.rpc(svcShipping, "CreateShipment", ok(func() {
		t.inside("choose carrier", ms)
		t.query("INSERT INTO parcels (order_id, carrier, state) VALUES ($1, $2, $3)", 1, 3*ms)
	}))
	t.announce(order)
	return ""
}

// charge plays the payment service, which asks the card company.
func (t *teller) charge(order string, amount float64) string {
	t.set("app.order.id", String(order))
	t.set("app.payment.method", String([...]string{"card", "card", "wallet", "invoice"}[t.src.pick(4)]))
	t.set("app.payment.amount", Double(amount))
	t.inside("assess fraud", 5*ms)
	declined := t.src.chance(250)
	t.begin(svcPayment, KindClient, libHTTP, "POST")
	t.set("http.request.method", String("POST"))
	t.set("url.full", String("https://api.cardpay.example/v2/charges"))
	t.set("server.address", String("api.cardpay.example"))
	t.work(85 * ms)
	code := int64(200)
	if declined {
		code = 402
		t.fail("402", "card declined")
	}
	t.set("http.response.status_code", Int(code))
	t.end()
	if declined {
		t.throw("CardDeclined", "the issuer declined the charge")
		return "payment declined"
	}
	t.query("INSERT INTO charges (order_id, amount, state) VALUES ($1, $2, $3)", 1, 3*ms)
	return ""
}

// announce publishes the order; the notification service sends the mail after
// the visit has gone on.
func (t *teller) announce(order string) {
	t.begin(t.service(), KindProducer, libMessaging, "send order-placed")
	t.set("messaging.system", String("kafka"))
	t.set("messaging.destination.name", String("order-placed"))
	t.set("messaging.message.id", String(order))
	t.work(2 * ms)
	producer := *t.top()
	sent := t.now
	t.work(25 * ms)
	t.begin(svcNotification, KindConsumer, libMessaging, "process order-placed")
	t.set("messaging.system", String("kafka"))
	t.set("messaging.destination.name", String("order-placed"))
	t.set("app.order.id", String(order))
	s := t.top()
	s.Links = []Link{{TraceID: producer.TraceID, SpanID: producer.SpanID, Attrs: []Attr{{"messaging.message.id", String(order)}}}}
	t.inside("render mail", 4*ms)
	t.inside("smtp send", 60*ms)
	t.end()
	t.now = sent
	t.end()
}
