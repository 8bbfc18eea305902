// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import { z } from 'zod';
import { refusalOfAddress, refusalOfHost } from '../kernel/address-refusal.ts';
import { parseIpAddress } from '../kernel/ip-address.ts';
import { flag, httpUrl, listOf, whole } from './fields.ts';
import { checkHeaderNames, headerMap } from './headers.ts';
import type { limitsShape } from './limits.ts';
import { isLoopback } from './listen.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';
import { checkResourceAttributes, resourceAttributesShape } from './resource-attributes.ts';
import type { Path } from './source-problem.ts';

const GIB = 1024 ** 3;

const authShape = z
  .strictObject({
    google: z
      .strictObject({})
      .optional()
      .meta({
        title: 'Google',
        description: "The gateway's application default credentials, for Google Cloud's own OTLP endpoint.",
        examples: [{}],
      }),
  })
  .meta({ title: 'Credential', description: 'A credential that ends, and is renewed by the gateway.' });

const destinationShape = z
  .strictObject({
    url: httpUrl().meta({
      title: 'URL',
      description:
        'Base URL of an OTLP receiver over HTTP; /v1/metrics, /v1/logs or /v1/traces is added. Plain http:// only on this machine.',
      examples: ['https://otel.corp.example.com'],
    }),
    headers: headerMap().meta({
      title: 'Headers',
      description: 'Headers of every request to this destination, its credential among them.',
      examples: [{ authorization: 'Bearer ${OTLP_TOKEN}' }],
    }),
    auth: authShape.optional(),
    metrics: flag().default(true).meta({ title: 'Metrics', description: 'Whether it gets metrics.' }),
    logs: flag().default(false).meta({
      title: 'Logs',
      description: "Whether it gets logs, which may hold developers' commands and paths.",
    }),
    traces: flag().default(false).meta({
      title: 'Traces',
      description: "Whether it gets traces, which may hold developers' commands and paths.",
    }),
  })
  .meta({ title: 'Destination', description: "Where clients' telemetry goes on to." });

export const telemetryShape = z
  .strictObject({
    forward_to: listOf(destinationShape, 'destinations').default([]).meta({
      title: 'Destinations',
      description:
        'Receivers of the OpenTelemetry data that clients send to the gateway; each gets the bytes as they came. Without one all of it is taken and dropped.',
    }),
    queue_bytes: whole(1, 64 * GIB)
      .default(64 * 1024 * 1024)
      .meta({
        title: 'Queue',
        description:
          'Bytes that wait for one destination while it does not take them, in each process; above it the oldest are dropped.',
      }),
    resource_attributes: resourceAttributesShape,
  })
  .meta({ title: 'Telemetry', description: "Relay of clients' OpenTelemetry data." });

type Telemetry = Valid<z.output<typeof telemetryShape>>;
type Destination = NonNullable<NonNullable<Telemetry['forward_to']>[number]>;

/** `allowsLoopback`: CLAUDE_GATEWAY_ALLOW_LOOPBACK is on, or not known. */
export function checkTelemetry(
  telemetry: Telemetry | undefined,
  limits: Valid<z.output<typeof limitsShape>> | undefined,
  allowsLoopback: boolean,
  report: Report,
): void {
  for (const [index, destination] of (telemetry?.forward_to ?? []).entries()) {
    if (!destination) continue;
    const path = ['telemetry', 'forward_to', index];
    checkUrl(destination.url, [...path, 'url'], allowsLoopback, report);
    checkHeaderNames(Object.keys(destination.headers ?? {}), [...path, 'headers'], hintForReserved, report);
    checkAuth(destination, path, report);
    checkSignals(destination, path, report);
  }
  checkQueue(telemetry?.queue_bytes, limits?.max_telemetry_bytes, report);
  checkResourceAttributes(telemetry?.resource_attributes, report);
}

function hintForReserved(name: string): string | undefined {
  return name === 'host' || name === 'content-type' ? 'remove it' : undefined;
}

/** A destination that connections would be refused to, or that could be read on the way. */
function checkUrl(url: string | undefined, path: Path, allowsLoopback: boolean, report: Report): void {
  if (url === undefined) return;
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const address = parseIpAddress(host);
  const rules = { allowLoopback: true };
  const refusal = address ? refusalOfAddress(address, rules) : refusalOfHost(host, rules);
  if (isLoopback(host)) {
    if (allowsLoopback) return;
    // A name means what the machine that resolves it says: it boots, and the guard refuses it at each attempt.
    const tell = address ? report.error : report.warning;
    tell(
      path,
      'is on this machine, and connections to loopback are refused',
      'set CLAUDE_GATEWAY_ALLOW_LOOPBACK=1 in the environment of the gateway',
    );
  } else if (refusal !== undefined)
    report.error(path, `is ${refusal}, and connections to it are refused`, 'use the address of the receiver');
  else if (protocol === 'http:')
    report.error(
      path,
      'must be an https:// URL: only a receiver on this machine may be http://',
      'use https',
    );
}

function checkAuth({ url, headers }: Destination, path: Path, report: Report): void {
  const auth = [...path, 'auth'];
  if (!report.has(auth)) return;
  if (!report.has([...auth, 'google']))
    return report.error(auth, 'is empty', 'write google: {}, or remove it');
  const authorization = Object.keys(headers ?? {}).find((name) => name.toLowerCase() === 'authorization');
  if (authorization !== undefined)
    report.error([...path, 'headers', authorization], 'is what auth.google sets', 'keep one of the two');
  if (url === undefined) return;
  const { hostname, protocol } = new URL(url);
  if (protocol !== 'https:' || !/\.googleapis\.com\.?$/.test(hostname))
    report.error(
      [...auth, 'google'],
      "is for Google's own endpoints: another receiver would learn the gateway's credential",
      'use https://telemetry.googleapis.com, or headers: in place of auth:',
    );
}

function checkSignals({ metrics, logs, traces }: Destination, path: Path, report: Report): void {
  if (metrics === false && logs === false && traces === false)
    report.warning(path, 'takes no signal', 'set one of metrics, logs, traces to true, or remove it');
}

function checkQueue(queueBytes: number | undefined, bodyBytes: number | undefined, report: Report): void {
  if (queueBytes === undefined || bodyBytes === undefined || queueBytes >= bodyBytes) return;
  report.warning(
    ['telemetry', 'queue_bytes'],
    `is too small for bodies of limits.max_telemetry_bytes (${bodyBytes}): larger ones are dropped`,
    `raise it to ${bodyBytes}, or lower max_telemetry_bytes`,
  );
}
