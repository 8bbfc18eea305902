import { type Metric, metrics } from '../../src/gateway/telemetry/metrics.ts';
import { code, generatedFrom, table } from './markdown.ts';

/** `docs/metrics.md`: every figure of the table that the gateway counts by. */
export function metricsPage(): string {
  const all: readonly Metric[] = Object.values(metrics);
  return `${generatedFrom('src/gateway/telemetry/metrics.ts')}

# Metrics

With \`metrics.listen: 127.0.0.1:9464\` the gateway serves its own figures at \`/metrics\` on a listener of its own, in the text format of
Prometheus (version 0.0.4). How to run it is in [operations.md](operations.md#metrics).

No label names a person, a session or an address. \`model\` is an id of the catalog, \`other\` for whatever else clients ask for, and
empty where a request was refused before its model was known; \`upstream\` is a name from \`gateway.yaml\`: the one that answered or,
where none did, the last that was asked, and empty where none was; \`endpoint\` is \`messages\` or \`count_tokens\`; \`outcome\` is
\`complete\`, \`client_left\`, \`upstream_broke\` or \`refused\`, as in the \`inference\` audit event; \`route\` is a path of the gateway,
\`other\` for paths it does not have.

${table(
  ['metric', 'kind', 'labels', 'what it is'],
  all.map(({ name, kind, labels, help }) => [code(name), kind, labels.map(code).join(', '), help]),
)}

## Buckets

${table(
  ['histogram', 'upper bounds in seconds'],
  all.flatMap(({ name, buckets }) => (buckets ? [[code(name), buckets.join(', ')]] : [])),
)}

## Questions to ask of them

${table(
  ['question', 'expression'],
  questions.map(([question, expression]) => [question, code(expression)]),
)}
`;
}

/** Worth a graph or an alert. */
export const questions = [
  ['Requests a second, by model', 'sum by (model) (rate(sallyport_inference_requests_total[5m]))'],
  [
    'Share of requests that an upstream failed',
    'sum(rate(sallyport_inference_requests_total{outcome="upstream_broke"}[5m])) / sum(rate(sallyport_inference_requests_total[5m]))',
  ],
  [
    'Time to first byte that 95 of 100 requests stay below, by upstream',
    'histogram_quantile(0.95, sum by (le, upstream) (rate(sallyport_inference_time_to_first_byte_seconds_bucket[5m])))',
  ],
  ['Output tokens an hour, by model', 'sum by (model) (increase(sallyport_tokens_total{kind="output"}[1h]))'],
  ['Is an upstream left alone', 'sallyport_upstream_cooling_down > 0'],
  [
    'Are refreshes failing',
    'sum by (result) (rate(sallyport_audit_events_total{event="session.refresh",result!="ok"}[5m]))',
  ],
  ['Is the store away', 'sallyport_store_circuit_open == 1'],
  ['Does a clock not agree with the others', 'increase(sallyport_clock_off_total[5m]) > 0'],
  ['Is the audit log incomplete', 'increase(sallyport_audit_lines_lost_total[5m]) > 0'],
  [
    'How busy are the event loops (1 is one process at its limit)',
    'rate(sallyport_event_loop_busy_seconds_total[5m])',
  ],
] as const;
