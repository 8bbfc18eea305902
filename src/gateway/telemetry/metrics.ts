/** What each of the gateway's own figures says. `docs/metrics.md` is made from this table. */
export interface Metric {
  readonly name: `sallyport_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Of a histogram: upper bounds, ascending; the one without a bound comes by itself. */
  readonly buckets?: readonly number[];
  /** What several workers' values make together; the sum, unless said. */
  readonly acrossWorkers?: 'largest';
}

/** Buckets end in a long tail: thinking models are silent for minutes, agents' answers take many. */
const FIRST_BYTE_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120];
const DURATION_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800];
const STORE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2];
const LAG_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export const metrics = {
  inferenceRequests: {
    name: 'sallyport_inference_requests_total',
    kind: 'counter',
    help: 'Requests to the Messages endpoints that were over, however they ended; one for each inference audit event.',
    labels: ['endpoint', 'status', 'model', 'upstream', 'outcome'],
  },
  inferenceFirstByte: {
    name: 'sallyport_inference_time_to_first_byte_seconds',
    kind: 'histogram',
    help: "From a request's head to the first byte of the answer's body.",
    labels: ['endpoint', 'model', 'upstream'],
    buckets: FIRST_BYTE_SECONDS,
  },
  inferenceDuration: {
    name: 'sallyport_inference_duration_seconds',
    kind: 'histogram',
    help: "From a request's head to the end of the answer.",
    labels: ['endpoint', 'model', 'upstream'],
    buckets: DURATION_SECONDS,
  },
  tokens: {
    name: 'sallyport_tokens_total',
    kind: 'counter',
    help: 'Tokens as upstreams reported them; kind is input (uncached), output, cache_read or cache_write.',
    labels: ['model', 'upstream', 'kind'],
  },
  openStreams: {
    name: 'sallyport_open_streams',
    kind: 'gauge',
    help: 'Streamed answers on their way to a client.',
    labels: [],
  },
  openRequests: {
    name: 'sallyport_open_requests',
    kind: 'gauge',
    help: 'Requests to any endpoint that are not over.',
    labels: [],
  },
  httpRequests: {
    name: 'sallyport_http_requests_total',
    kind: 'counter',
    help: 'Requests to any endpoint, by the status they were answered with; 499 when the client left before that.',
    labels: ['route', 'status'],
  },
  httpRefused: {
    name: 'sallyport_http_refused_total',
    kind: 'counter',
    help: 'Requests that no endpoint saw, because they were no clean HTTP/1.1 or their head was too large or too slow; cause is a word of the listener or a code of the HTTP parser, as in the log.',
    labels: ['cause'],
  },
  failovers: {
    name: 'sallyport_failovers_total',
    kind: 'counter',
    help: 'Attempts beyond the first at inference requests.',
    labels: [],
  },
  cooldowns: {
    name: 'sallyport_upstream_cooldowns_total',
    kind: 'counter',
    help: 'How often an upstream was left alone for a while.',
    labels: ['upstream'],
  },
  cooling: {
    name: 'sallyport_upstream_cooling_down',
    kind: 'gauge',
    help: 'Processes that leave the upstream alone, until a request has shown that it is back.',
    labels: ['upstream'],
  },
  auditEvents: {
    name: 'sallyport_audit_events_total',
    kind: 'counter',
    help: "Audit events without figures of their own (sign-ins, refreshes, denials), by the event's result, or else its reason.",
    labels: ['event', 'result'],
  },
  auditLinesLost: {
    name: 'sallyport_audit_lines_lost_total',
    kind: 'counter',
    help: 'Lines that could not be written where audit events go.',
    labels: [],
  },
  storeSeconds: {
    name: 'sallyport_store_seconds',
    kind: 'histogram',
    help: 'What statements and transactions took that the store answered.',
    labels: [],
    buckets: STORE_SECONDS,
  },
  storeFailures: {
    name: 'sallyport_store_failures_total',
    kind: 'counter',
    help: 'Statements and transactions that the store did not answer in time, or at all.',
    labels: [],
  },
  storeCircuitOpen: {
    name: 'sallyport_store_circuit_open',
    kind: 'gauge',
    help: '1 while the store is left alone because it does not answer, else 0; of several workers the worst.',
    labels: [],
    acrossWorkers: 'largest',
  },
  clockOff: {
    name: 'sallyport_clock_off_total',
    kind: 'counter',
    help: "Times another clock was seen more than 30 seconds off this machine's; clock is store (looked at every minute) or identity_provider (at every answer).",
    labels: ['clock'],
  },
  telemetryForwarded: {
    name: 'sallyport_telemetry_forwarded_total',
    kind: 'counter',
    help: 'Telemetry bodies of clients whose way to a destination is over; destination is the host of its URL, result is delivered, refused (by the destination, for good), expired (after five minutes of failures) or dropped (the queue was full).',
    labels: ['destination', 'signal', 'result'],
  },
  telemetryFailures: {
    name: 'sallyport_telemetry_failures_total',
    kind: 'counter',
    help: 'Attempts to hand a telemetry body on that failed and are repeated.',
    labels: ['destination', 'signal'],
  },
  telemetryQueued: {
    name: 'sallyport_telemetry_queued_bytes',
    kind: 'gauge',
    help: 'Telemetry that waits for a destination or is on its way there.',
    labels: ['destination'],
  },
  eventLoopLag: {
    name: 'sallyport_event_loop_lag_seconds',
    kind: 'histogram',
    help: 'How late a timer fires that is due four times a second.',
    labels: [],
    buckets: LAG_SECONDS,
  },
  eventLoopBusy: {
    name: 'sallyport_event_loop_busy_seconds_total',
    kind: 'counter',
    help: 'Time the event loop was not waiting for something to do.',
    labels: [],
  },
  cpuSeconds: {
    name: 'sallyport_process_cpu_seconds_total',
    kind: 'counter',
    help: 'CPU time; mode is user or system.',
    labels: ['mode'],
  },
  residentMemory: {
    name: 'sallyport_process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Resident memory.',
    labels: [],
  },
  usedHeap: {
    name: 'sallyport_process_heap_used_bytes',
    kind: 'gauge',
    help: 'Memory in use by JavaScript objects, those included that wait to be collected.',
    labels: [],
  },
  openDescriptors: {
    name: 'sallyport_process_open_fds',
    kind: 'gauge',
    help: 'Open file descriptors; on Linux only.',
    labels: [],
  },
  processStart: {
    name: 'sallyport_process_start_time_seconds',
    kind: 'gauge',
    help: 'When the process started, in seconds since the Unix epoch; of several the youngest.',
    labels: [],
    acrossWorkers: 'largest',
  },
  workers: {
    name: 'sallyport_workers',
    kind: 'gauge',
    help: 'Workers that serve; only with --workers.',
    labels: [],
  },
  workersEnded: {
    name: 'sallyport_workers_ended_total',
    kind: 'counter',
    help: 'Workers that have ended; each that crashed is replaced. Only with --workers.',
    labels: [],
  },
  workersSilent: {
    name: 'sallyport_workers_silent_total',
    kind: 'counter',
    help: 'Times a worker did not tell its figures within a second: its gauges were left out and its counters stood still. Only with --workers.',
    labels: [],
  },
  buildInfo: {
    name: 'sallyport_build_info',
    kind: 'gauge',
    help: 'Always 1; the version of the gateway and of Node.js.',
    labels: ['version', 'node'],
    acrossWorkers: 'largest',
  },
} as const satisfies Readonly<Record<string, Metric>>;
