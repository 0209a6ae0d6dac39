/** How to send spans from one language. */
export interface Setup {
  name: string;
  /** What to do, one short sentence. */
  text: string;
  code: string;
}

/** Where OTLP goes in: host:port of both protocols. */
export interface Targets {
  grpc: string;
  http: string;
}

/**
 * Copy-and-paste set-up per language; the variables are OpenTelemetry's own. Agents
 * send metrics and logs too unless told not to, and log an error for each refusal.
 */
export function setups({ grpc, http }: Targets): Setup[] {
  const variables = (service: string): string =>
    [
      `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${http}`,
      'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
      'export OTEL_METRICS_EXPORTER=none',
      'export OTEL_LOGS_EXPORTER=none',
      `export OTEL_SERVICE_NAME=${service}`,
    ].join('\n');
  return [
    {
      name: 'Go',
      text: 'Instrument with otelhttp or otelgrpc; the exporter reads the environment.',
      code: `${variables('my-service')}

go get go.opentelemetry.io/contrib/exporters/autoexport
# in main: exporter, err := autoexport.NewSpanExporter(ctx)
go run .`,
    },
    {
      name: 'Node.js',
      text: 'Nothing to change in the code: the register hook instruments what it knows.',
      code: `${variables('my-service')}

npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node
node --require @opentelemetry/auto-instrumentations-node/register app.js`,
    },
    {
      name: 'Java',
      text: 'Nothing to change in the code: the agent instruments the running program.',
      code: `${variables('my-service')}

curl -LO https://github.com/open-telemetry/opentelemetry-java-instrumentation/releases/latest/download/opentelemetry-javaagent.jar
java -javaagent:opentelemetry-javaagent.jar -jar app.jar`,
    },
    {
      name: 'Python',
      text: 'Nothing to change in the code: the wrapper instruments what it finds installed.',
      code: `${variables('my-service')}

pip install opentelemetry-distro opentelemetry-exporter-otlp
opentelemetry-bootstrap -a install
opentelemetry-instrument python app.py`,
    },
    {
      name: '.NET',
      text: 'Add the exporter to the host builder; it reads the environment.',
      code: `${variables('my-service')}

dotnet add package OpenTelemetry.Extensions.Hosting
dotnet add package OpenTelemetry.Instrumentation.AspNetCore
dotnet add package OpenTelemetry.Exporter.OpenTelemetryProtocol
# in Program.cs:
# builder.Services.AddOpenTelemetry()
#   .WithTracing(t => t.AddAspNetCoreInstrumentation().AddOtlpExporter());
dotnet run`,
    },
    {
      name: 'curl',
      text: 'One span by hand, to see that the way is open.',
      code: curlSpan(http),
    },
    {
      name: 'telemetrygen',
      text: 'A stream of invented traces from the OpenTelemetry Collector project.',
      code: `go install github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@latest
telemetrygen traces --otlp-insecure --otlp-endpoint ${grpc} --traces 10`,
    },
  ];
}

function curlSpan(http: string): string {
  return `now=$(date +%s)
curl -sS http://${http}/v1/traces -H 'Content-Type: application/json' -d '{
  "resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "hello"}}]},
    "scopeSpans": [{"spans": [{
      "traceId": "'$(openssl rand -hex 16)'", "spanId": "'$(openssl rand -hex 8)'",
      "name": "first span", "kind": 2,
      "startTimeUnixNano": "'$now'000000000", "endTimeUnixNano": "'$now'250000000"
    }]}]
  }]
}'`;
}
