import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Clock } from '../../../../kernel/clock.ts';
import type { Prepared } from '../../provider.ts';
import type { AwsKeys } from './credentials.ts';

export interface SignerOptions {
  /** The name that AWS signs the service's requests under. */
  readonly service: string;
  readonly region: string;
  /** As in the request's `Host`: with its port, unless that is the scheme's own. */
  readonly host: string;
}

/**
 * The request with a signature over its method (POST), path, query, body and headers, whose names are in lower case. The
 * query is sent in the order and spelling that is signed.
 */
export type Sign = (request: Prepared, keys: AwsKeys) => Prepared;

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** What others on the way may change, and what is for the connection. */
const UNSIGNED = new Set(['accept-encoding', 'traceparent', 'user-agent', 'content-length', 'connection']);

/** AWS Signature Version 4, as its public documentation describes it for every service but S3. */
export function createSigner({ service, region, host }: SignerOptions, clock: Clock): Sign {
  const signingKey = createSigningKeys(region, service);
  return ({ path, headers, body }, keys) => {
    const [uri, query] = splitPath(path);
    const stamp = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, '');
    const date = stamp.slice(0, 8);
    const bodyHash = hash('sha256', body);
    const stamped = [...headers, 'x-amz-date', stamp, 'x-amz-content-sha256', bodyHash];
    if (keys.sessionToken !== undefined) stamped.push('x-amz-security-token', keys.sessionToken);

    const { names, lines } = canonicalHeaders(['host', host, ...stamped]);
    const request = `POST\n${canonicalUri(uri)}\n${query}\n${lines}\n${names}\n${bodyHash}`;
    const scope = `${date}/${region}/${service}/aws4_request`;
    const text = `${ALGORITHM}\n${stamp}\n${scope}\n${hash('sha256', request)}`;
    const signature = createHmac('sha256', signingKey(keys, date)).update(text).digest('hex');
    stamped.push(
      'authorization',
      `${ALGORITHM} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    );
    return { path: query === '' ? uri : `${uri}?${query}`, headers: stamped, body };
  };
}

/**
 * The key of a day, kept for as long as the keys that it is derived from. As a KeyObject: with plain bytes each signature
 * would take as long again as all the rest of it.
 */
function createSigningKeys(region: string, service: string): (keys: AwsKeys, date: string) => KeyObject {
  const derived = new WeakMap<AwsKeys, { readonly date: string; readonly key: KeyObject }>();
  return (keys, date) => {
    const known = derived.get(keys);
    if (known?.date === date) return known.key;
    const start = Buffer.from(`AWS4${keys.secretAccessKey}`);
    const bytes = [date, region, service, 'aws4_request'].reduce<Buffer>(
      (above, part) => createHmac('sha256', above).update(part).digest(),
      start,
    );
    const key = createSecretKey(bytes);
    derived.set(keys, { date, key });
    return key;
  };
}

function splitPath(path: string): [uri: string, query: string] {
  const at = path.indexOf('?');
  return at < 0 ? [path, ''] : [path.slice(0, at), canonicalQuery(path.slice(at + 1))];
}

/** The path as it is sent, encoded once more. */
function canonicalUri(uri: string): string {
  return uri.replace(/\/{2,}/g, '/').replace(/[^A-Za-z0-9\-._~/]/g, percentEncoded);
}

function canonicalQuery(query: string): string {
  if (/^[\w.~-]+=[\w.~-]*$/.test(query)) return query;
  return [...new URLSearchParams(query)]
    .map(([name, value]) => [encoded(name), encoded(value)] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map((pair) => pair.join('='))
    .join('&');
}

/** By code points, as the signature wants it, and not by anybody's language. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, percentEncoded);
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/** A value that is not plain ASCII leaves its header out: parties do not agree on its bytes. */
function canonicalHeaders(headers: readonly string[]): { names: string; lines: string } {
  const values = new Map<string, string>();
  const foreign = new Set(UNSIGNED);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name, value] = [headers[i] as string, headers[i + 1] as string];
    if (foreign.has(name)) continue;
    if (!/^[\x20-\x7e]*$/.test(value)) foreign.add(name);
    const earlier = values.get(name);
    const folded = value.trim().replace(/ {2,}/g, ' ');
    values.set(name, earlier === undefined ? folded : `${earlier},${folded}`);
  }
  const names = [...values.keys()].filter((name) => !foreign.has(name)).sort();
  return { names: names.join(';'), lines: names.map((name) => `${name}:${values.get(name)}\n`).join('') };
}
