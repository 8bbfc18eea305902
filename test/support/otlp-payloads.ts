import {
  JsonLogsSerializer,
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufLogsSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { OTLP_SIGNALS, type OtlpSignal } from '../../src/kernel/protocol.ts';

export type OtlpFormat = 'protobuf' | 'json';

export const MEDIA_TYPES = { protobuf: 'application/x-protobuf', json: 'application/json' } as const;

/** Every signal in both encodings. */
export const everyForm = OTLP_SIGNALS.flatMap((signal) =>
  (['protobuf', 'json'] as const).map((format) => [signal, format] as const),
);

const at: [number, number] = [1_790_000_000, 5];
const scope = { name: 'com.anthropic.claude_code', version: '2.1.300' };
const attributes = { 'service.name': 'claude-code' };
const resource: Parameters<typeof ProtobufMetricsSerializer.serializeRequest>[0]['resource'] = {
  attributes,
  merge: () => resource,
  getRawAttributes: () => Object.entries(attributes),
};

const metrics = {
  protobuf: ProtobufMetricsSerializer,
  json: JsonMetricsSerializer,
};
const logs = { protobuf: ProtobufLogsSerializer, json: JsonLogsSerializer };
const traces = { protobuf: ProtobufTraceSerializer, json: JsonTraceSerializer };

/** An export request as clients write it; `mark` makes it one of its own. */
export function exportRequest(signal: OtlpSignal, format: OtlpFormat, mark = 'a kumquat'): Buffer {
  const own = { 'session.id': mark };
  switch (signal) {
    case 'metrics':
      return bytesOf(
        metrics[format].serializeRequest({
          resource,
          scopeMetrics: [
            {
              scope,
              metrics: [
                {
                  descriptor: {
                    name: 'claude_code.token.usage',
                    description: '',
                    unit: 'tokens',
                    valueType: 0,
                  },
                  aggregationTemporality: 0,
                  dataPointType: 3,
                  isMonotonic: true,
                  dataPoints: [{ startTime: at, endTime: at, attributes: own, value: 17 }],
                },
              ],
            },
          ],
        }),
      );
    case 'logs':
      return bytesOf(
        logs[format].serializeRequest([
          {
            hrTime: at,
            hrTimeObserved: at,
            body: 'claude_code.api_request',
            resource,
            instrumentationScope: scope,
            attributes: own,
            droppedAttributesCount: 0,
          },
        ]),
      );
    case 'traces':
      return bytesOf(
        traces[format].serializeRequest([
          {
            name: 'claude_code.interaction',
            kind: 0,
            spanContext: () => ({
              traceId: '0af7651916cd43dd8448eb211c80319c',
              spanId: 'b7ad6b7169203331',
              traceFlags: 1,
            }),
            startTime: at,
            endTime: at,
            status: { code: 0 },
            attributes: own,
            links: [],
            events: [],
            duration: [0, 0],
            ended: true,
            resource,
            instrumentationScope: scope,
            droppedAttributesCount: 0,
            droppedEventsCount: 0,
            droppedLinksCount: 0,
          },
        ]),
      );
  }
}

/** What a client makes of an answer; throws when it is no export response. */
export function readExportResponse(signal: OtlpSignal, format: OtlpFormat, bytes: Uint8Array): object {
  const serializer = { metrics, logs, traces }[signal][format];
  return serializer.deserializeResponse(bytes);
}

function bytesOf(bytes: Uint8Array | undefined): Buffer {
  if (!bytes) throw new Error('the serializer made nothing of it');
  return Buffer.from(bytes);
}
