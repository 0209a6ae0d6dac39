// Tells the story of story_test.go with the OpenTelemetry SDK for JavaScript and
// prints the ids as JSON:
//
//	node sdk.mjs grpc|proto|json host:port service
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api'
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtoExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

const [protocol, address, service] = process.argv.slice(2)

const exporters = {
  grpc: () => new GrpcExporter({ url: `http://${address}` }),
  proto: () => new ProtoExporter({ url: `http://${address}/v1/traces` }),
  json: () => new JsonExporter({ url: `http://${address}/v1/traces` }),
}

// The SDK swallows failures of exporters; this one remembers them.
const failures = []
const exporter = exporters[protocol]()
const send = exporter.export.bind(exporter)
exporter.export = (spans, done) =>
  send(spans, (result) => {
    if (result.code !== 0) failures.push(result.error)
    done(result)
  })

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': service }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
const tracer = provider.getTracer('e2e', '1.0')

const root = tracer.startSpan('GET /cart', { kind: SpanKind.SERVER })
const child = tracer.startSpan(
  'SELECT',
  {
    kind: SpanKind.CLIENT,
    links: [{ context: { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 } }],
    attributes: { flag: true, ratio: 0.5, list: ['a', 'b'], text: 'grüße <&> "quoted"' },
  },
  trace.setSpan(context.active(), root),
)
child.recordException(new Error('boom'))
child.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' })
child.end()
root.setAttributes({ 'http.response.status_code': 500, 'e2e.client': service })
root.end()

await provider.shutdown() // waits for the exports
if (failures.length > 0) throw failures[0]

const id = (span) => span.spanContext().spanId
console.log(JSON.stringify({ traceId: root.spanContext().traceId, root: id(root), child: id(child) }))
