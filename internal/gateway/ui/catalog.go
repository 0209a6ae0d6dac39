package ui

import (
	"net/http"
	"runtime"

	"github.com/pandodb/pando/internal/base"
)

type statusDoc struct {
	Version         string        `json:"version"`
	GoVersion       string        `json:"goVersion"`
	StartedUnixNano string        `json:"startedUnixNano"`
	State           string        `json:"state"`
	ServiceCount    int           `json:"serviceCount"`
	Endpoints       []endpointDoc `json:"endpoints"`
}

type endpointDoc struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
}

// serveStatus tells what runs here. The state is "waiting" until a first
// service has sent a span.
func (h *Handler) serveStatus(w http.ResponseWriter, r *http.Request) error {
	services, err := h.opts.Store.Services(r.Context())
	if err != nil {
		return err
	}
	doc := statusDoc{
		Version:         h.opts.Version,
		GoVersion:       runtime.Version(),
		StartedUnixNano: nanos(uint64(h.started.UnixNano())),
		State:           "waiting",
		ServiceCount:    len(services),
		Endpoints:       make([]endpointDoc, 0, len(h.opts.Endpoints)),
	}
	if len(services) > 0 {
		doc.State = "ready"
	}
	for _, e := range h.opts.Endpoints {
		doc.Endpoints = append(doc.Endpoints, endpointDoc(e))
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}

type servicesDoc struct {
	Services []string `json:"services"`
}

func (h *Handler) serveServices(w http.ResponseWriter, r *http.Request) error {
	services, err := h.opts.Store.Services(r.Context())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, &servicesDoc{Services: orEmpty(services)})
	return nil
}

type operationsDoc struct {
	Operations []operationDoc `json:"operations"`
}

type operationDoc struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// maxNameBytes bounds names of services and operations in requests.
const maxNameBytes = 1 << 10

func (h *Handler) serveOperations(w http.ResponseWriter, r *http.Request) error {
	service := r.PathValue("service")
	if len(service) > maxNameBytes {
		return base.Errorf(base.ClassTooLarge, "the service name has %d bytes: at most %d", len(service), maxNameBytes)
	}
	operations, err := h.opts.Store.Operations(r.Context(), service)
	if err != nil {
		return err
	}
	doc := operationsDoc{Operations: make([]operationDoc, 0, len(operations))}
	for _, op := range operations {
		doc.Operations = append(doc.Operations, operationDoc{Name: op.Name, Kind: op.Kind.String()})
	}
	writeJSON(w, http.StatusOK, &doc)
	return nil
}
