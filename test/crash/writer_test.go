package crash

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// verdict is how the process answered a request.
type verdict uint8

const (
	acknowledged verdict = iota + 1
	// refused for now: the answer says when to come back.
	refused
	// cut: no answer came.
	cut
)

// sendTimeout bounds one request; a process that keeps one longer hangs.
const sendTimeout = 60 * time.Second

// sender exports requests over one transport. An error is an answer that no
// client may get.
type sender func(context.Context, *collectorpb.ExportTraceServiceRequest) (verdict, error)

// connect returns a gRPC connection to the process, which the caller closes.
func (p *process) connect() (*grpc.ClientConn, error) {
	return grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

func sendGRPC(conn *grpc.ClientConn) sender {
	service := collectorpb.NewTraceServiceClient(conn)
	return func(ctx context.Context, req *collectorpb.ExportTraceServiceRequest) (verdict, error) {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		resp, err := service.Export(ctx, req)
		if err != nil {
			return verdictOf(status.Convert(err))
		}
		return accepted(resp)
	}
}

// verdictOf judges an error that gRPC answered.
func verdictOf(st *status.Status) (verdict, error) {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok && (st.Code() == codes.Unavailable || st.Code() == codes.ResourceExhausted) {
			if info.GetRetryDelay().AsDuration() <= 0 {
				return 0, fmt.Errorf("retry delay %v in %v", info.GetRetryDelay(), st)
			}
			return refused, nil
		}
	}
	if st.Code() == codes.Unavailable || st.Code() == codes.Canceled {
		return cut, nil // the client library says so when the connection breaks
	}
	return 0, fmt.Errorf("export: %w", st.Err())
}

func accepted(resp *collectorpb.ExportTraceServiceResponse) (verdict, error) {
	if n := resp.GetPartialSuccess().GetRejectedSpans(); n > 0 {
		return 0, fmt.Errorf("%d spans rejected: %s", n, resp.GetPartialSuccess().GetErrorMessage())
	}
	return acknowledged, nil
}

// sendHTTP sends protobuf, compressed or not.
func sendHTTP(p *process, compress bool) sender {
	return func(ctx context.Context, req *collectorpb.ExportTraceServiceRequest) (verdict, error) {
		ctx, cancel := context.WithTimeout(ctx, sendTimeout)
		defer cancel()
		body, err := proto.Marshal(req)
		if err != nil {
			return 0, err
		}
		header := []string{"Content-Type", "application/x-protobuf"}
		if compress {
			body = gzipped(body)
			header = append(header, "Content-Encoding", "gzip")
		}
		code, h, answer, err := p.do(ctx, http.MethodPost, "/v1/traces", bytes.NewReader(body), header...)
		switch {
		case code == http.StatusOK && err != nil:
			return acknowledged, nil // the status line is the acknowledgement
		case err != nil:
			return cut, nil
		case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable || code == http.StatusInsufficientStorage:
			if h.Get("Retry-After") == "" {
				return 0, fmt.Errorf("export: status %d without Retry-After", code)
			}
			return refused, nil
		case code != http.StatusOK:
			return 0, fmt.Errorf("export: status %d: %.300q", code, answer)
		}
		var resp collectorpb.ExportTraceServiceResponse
		if err := proto.Unmarshal(answer, &resp); err != nil {
			return 0, fmt.Errorf("export: answer: %w", err)
		}
		return accepted(&resp)
	}
}

func gzipped(body []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := io.Copy(w, bytes.NewReader(body)); err != nil {
		panic(err) // memory takes everything
	}
	if err := w.Close(); err != nil {
		panic(err) // likewise
	}
	return buf.Bytes()
}

// transport returns one of the transports.
func transport(p *process, conn *grpc.ClientConn, rng *rand.Rand) sender {
	switch rng.IntN(3) {
	case 0:
		return sendHTTP(p, true)
	case 1:
		return sendHTTP(p, false)
	default:
		return sendGRPC(conn)
	}
}
