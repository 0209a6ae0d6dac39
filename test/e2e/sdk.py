"""Tells the story of story_test.go with the OpenTelemetry SDK for Python and
prints the ids as JSON:

    venv/bin/python sdk.py grpc|proto host:port service
"""

import json
import sys

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, set_span_in_context

protocol, address, service = sys.argv[1:]

if protocol == "grpc":
    exporter = GrpcExporter(endpoint=f"http://{address}", insecure=True)
else:
    exporter = HttpExporter(endpoint=f"http://{address}/v1/traces")

# The SDK swallows failures of exporters; this one remembers them.
results = []
send = exporter.export


def export(spans):
    results.append(send(spans))
    return results[-1]


exporter.export = export

provider = TracerProvider(resource=Resource({"service.name": service}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("e2e", "1.0")

linked = SpanContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, is_remote=True, trace_flags=TraceFlags(1))
root = tracer.start_span("GET /cart", kind=SpanKind.SERVER)
child = tracer.start_span(
    "SELECT",
    context=set_span_in_context(root),
    kind=SpanKind.CLIENT,
    links=[Link(linked)],
    attributes={"flag": True, "ratio": 0.5, "list": ["a", "b"], "text": 'grüße <&> "quoted"'},
)
child.record_exception(ValueError("boom"))
child.set_status(Status(StatusCode.ERROR, "it broke"))
child.end()
root.set_attributes({"http.response.status_code": 500, "e2e.client": service})
root.end()

provider.shutdown()  # waits for the exports
if results != [SpanExportResult.SUCCESS]:
    sys.exit(f"exports came to {results}")

told = {"traceId": root.get_span_context().trace_id, "root": root.get_span_context().span_id, "child": child.get_span_context().span_id}
print(json.dumps({key: f"{id:0{32 if key == 'traceId' else 16}x}" for key, id in told.items()}))
