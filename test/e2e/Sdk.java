import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Tells the story of story_test.go with the OpenTelemetry SDK for Java, which
 * configures itself as it does for a service, and prints the ids as JSON:
 *
 * <pre>java -cp 'jars/*' Sdk.java grpc|http/protobuf host:port service</pre>
 */
public final class Sdk {
  /** An exporter that counts what came to a good end: the SDK only logs failures. */
  private record Counting(SpanExporter to, AtomicInteger done) implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      CompletableResultCode result = to.export(spans);
      result.whenComplete(() -> done.addAndGet(result.isSuccess() ? spans.size() : 0));
      return result;
    }

    @Override
    public CompletableResultCode flush() {
      return to.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return to.shutdown();
    }
  }

  public static void main(String[] args) {
    String protocol = args[0];
    String address = args[1];
    String service = args[2];
    AtomicInteger done = new AtomicInteger();
    OpenTelemetrySdk sdk =
        AutoConfiguredOpenTelemetrySdk.builder()
            .disableShutdownHook()
            .addPropertiesSupplier(
                () ->
                    Map.of(
                        "otel.service.name", service,
                        "otel.exporter.otlp.endpoint", "http://" + address,
                        "otel.exporter.otlp.protocol", protocol,
                        "otel.exporter.otlp.compression", "gzip",
                        "otel.metrics.exporter", "none",
                        "otel.logs.exporter", "none"))
            .addSpanExporterCustomizer((exporter, config) -> new Counting(exporter, done))
            .build()
            .getOpenTelemetrySdk();
    Tracer tracer = sdk.getTracerProvider().tracerBuilder("e2e").setInstrumentationVersion("1.0").build();

    Span root = tracer.spanBuilder("GET /cart").setSpanKind(SpanKind.SERVER).startSpan();
    Span child =
        tracer
            .spanBuilder("SELECT")
            .setParent(Context.root().with(root))
            .setSpanKind(SpanKind.CLIENT)
            .addLink(
                SpanContext.createFromRemoteParent(
                    "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331",
                    TraceFlags.getSampled(), TraceState.getDefault()))
            .setAttribute("flag", true)
            .setAttribute("ratio", 0.5)
            .setAttribute(AttributeKey.stringArrayKey("list"), List.of("a", "b"))
            .setAttribute("text", "gr\u00fc\u00dfe <&> \"quoted\"") // escaped: older Java reads sources in the locale's charset
            .startSpan();
    child.recordException(new IllegalStateException("boom"));
    child.setStatus(StatusCode.ERROR, "it broke");
    child.end();
    root.setAttribute("http.response.status_code", 500);
    root.setAttribute("e2e.client", service);
    root.end();

    sdk.getSdkTracerProvider().shutdown().join(30, TimeUnit.SECONDS); // waits for the exports
    if (done.get() != 2) {
      throw new IllegalStateException(done + " of 2 spans were exported");
    }
    System.out.printf(
        "{\"traceId\": \"%s\", \"root\": \"%s\", \"child\": \"%s\"}%n",
        root.getSpanContext().getTraceId(), root.getSpanContext().getSpanId(), child.getSpanContext().getSpanId());
  }

  private Sdk() {}
}
