package e2e

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const generated = 50 // traces, of a root and two children

// TestTelemetrygen takes the load generator's traces over both of its transports.
func TestTelemetrygen(t *testing.T) {
	for service, flag := range map[string]string{"telemetrygen-grpc": "", "telemetrygen-http": "--otlp-http"} {
		t.Run(service, func(t *testing.T) {
			args := []string{
				"traces", "--otlp-insecure", "--otlp-endpoint", pando.addr, "--service", service,
				"--traces", itoa(generated), "--child-spans", "2", "--rate", "0", "--span-links", "1", "--status-code", "Ok",
				"--telemetry-attributes", `e2e.run="` + service + `"`,
			}
			if flag != "" {
				args = append(args, flag)
			}
			command(t, tool(t, "telemetrygen"), args...)
			for _, r := range readers {
				t.Run(r.name, func(t *testing.T) { readGenerated(t, r, service) })
			}
		})
	}
}

func readGenerated(t *testing.T, r reader, service string) {
	ids := r.search(t, service, "e2e.run", service)
	if len(ids) < 20 { // the least default limit of all readers
		t.Fatalf("%d traces found", len(ids))
	}
	spans := r.trace(t, ids[0])
	var names []string
	for _, s := range spans {
		names = append(names, s.Name)
		if s.Service != service || s.Failed {
			t.Errorf("%+v", s)
		}
	}
	if want := []string{"lets-go", "okey-dokey-0", "okey-dokey-1"}; !slices.Equal(names, want) {
		t.Errorf("spans %v, want %v", names, want)
	}
}

// TestServices lists services and operations over both HTTP APIs.
func TestServices(t *testing.T) {
	tellGo(t, "listed", goGRPC(t))
	for path, services := range map[string]func([]byte) []string{
		"/api/v1/services": listOf("services"), "/api/services": listOf("data"), "/api/v3/services": listOf("services"),
	} {
		body, err := pando.get(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if got := services(body); !slices.Contains(got, "listed") {
			t.Errorf("%s: %v", path, got)
		}
	}
	var doc struct{ Data []string }
	getJSON(t, "/api/services/listed/operations", &doc)
	if want := []string{"GET /cart", "SELECT"}; !reflect.DeepEqual(doc.Data, want) {
		t.Errorf("operations %v, want %v", doc.Data, want)
	}
}

// TestAliases reaches the server over the well-known ports, where they are free.
func TestAliases(t *testing.T) {
	s := server{binary: pando.binary, aliases: true}
	if err := s.start(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	}()
	for _, port := range []string{"127.0.0.1:4317", "127.0.0.1:4318", "127.0.0.1:16686"} {
		if !strings.Contains(s.log(), port) {
			t.Skipf("%s is taken by another program", port)
		}
	}
	command(t, tool(t, "telemetrygen"), "traces", "--otlp-insecure", "--service", "by-4317", "--traces", "1", "--rate", "0")
	command(t, tool(t, "telemetrygen"), "traces", "--otlp-insecure", "--otlp-http", "--service", "by-4318", "--traces", "1", "--rate", "0")
	jaeger := server{addr: "127.0.0.1:16686"}
	body, err := jaeger.get(t.Context(), "/api/services")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := listOf("data")(body), []string{"by-4317", "by-4318"}; !slices.Equal(got, want) {
		t.Errorf("services %v, want %v", got, want)
	}
}

// listOf returns the reader of a list of texts in a document.
func listOf(name string) func([]byte) []string {
	return func(body []byte) []string {
		var doc map[string]json.RawMessage
		var list []string
		if json.Unmarshal(body, &doc) != nil || json.Unmarshal(doc[name], &list) != nil {
			return []string{"not a list: " + string(body)}
		}
		return list
	}
}
