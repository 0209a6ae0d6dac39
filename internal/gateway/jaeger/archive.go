package jaeger

import (
	"context"
	"net/http"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
)

// legacyArchive copies a trace to the archive, as it was stored. Archiving what
// is in the archive already changes nothing: the same spans count once.
func (g *Gateway) legacyArchive(w http.ResponseWriter, r *http.Request) error {
	id, err := parseTraceID(r.PathValue("id"))
	if err != nil {
		return err
	}
	when, _, err := legacyGetParams(newParams(r.URL.RawQuery))
	if err != nil {
		return err
	}
	if err := g.archiveTrace(r.Context(), lookup{ids: []trace.ID{id}, time: when, raw: true, archive: true}); err != nil {
		return err
	}
	writeDoc(w, http.StatusOK, &envelope{Data: []string{}, Errors: []legacyError{}})
	return nil
}

func (g *Gateway) archiveTrace(ctx context.Context, l lookup) error {
	if g.opts.ArchiveSpans == nil {
		return errNoArchive
	}
	traces, err := g.newTraceReader(l).next(ctx)
	if err != nil {
		return err
	}
	if len(traces) == 0 {
		return serve.ErrTraceNotFound
	}
	return serve.SendSpans(traces[0].Spans, serve.Grouped, func(wire []byte, _ bool) error {
		rejected, message, err := g.opts.ArchiveSpans.Export(ctx, wire)
		if err == nil && rejected > 0 {
			err = base.Errorf(base.ClassInvalid, "the archive refused %d spans of the trace: %s", rejected, message)
		}
		return err
	})
}
