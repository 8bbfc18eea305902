import type { ForwardedTelemetry } from '../exchange.ts';

/** The variables by which clients send their telemetry to the gateway: a signal that nobody takes is not sent at all. */
export function telemetryVariables(
  publicUrl: string,
  { signals, resourceAttributes }: ForwardedTelemetry,
): Readonly<Record<string, string>> {
  const exporter = (isTaken: boolean): string => (isTaken ? 'otlp' : 'none');
  // The values are such that they need no encoding (W3C Baggage, which OpenTelemetry follows here).
  const attributes = Object.entries(resourceAttributes).map(([name, value]) => `${name}=${value}`);
  return {
    CLAUDE_CODE_ENABLE_TELEMETRY: '1',
    OTEL_METRICS_EXPORTER: exporter(signals.metrics),
    OTEL_LOGS_EXPORTER: exporter(signals.logs),
    OTEL_TRACES_EXPORTER: exporter(signals.traces),
    OTEL_EXPORTER_OTLP_ENDPOINT: publicUrl,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    ...(attributes.length > 0 ? { OTEL_RESOURCE_ATTRIBUTES: attributes.join(',') } : {}),
  };
}
