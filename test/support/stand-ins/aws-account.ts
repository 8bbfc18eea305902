import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsKeys } from '../../../src/gateway/upstream/providers/aws/credentials.ts';

/** A request as it came over the wire. */
export interface Wire {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface IssuedKeys extends AwsKeys {
  readonly sessionToken: string;
}

/** Whose requests count, and with which keys: what AWS knows of an account. */
export interface AwsAccount {
  /** New keys, good until they are expired. */
  issue(): IssuedKeys;
  /** From now on requests with these keys are refused as too late. */
  expire(keys: AwsKeys): void;
  /** AWS's error code for what is wrong with the signature; undefined when nothing is. */
  fault(request: Wire, service: string, region: string): Promise<string | undefined>;
}

const MOST_SKEW_MS = 5 * 60_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([\w/-]+), SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/;

/** Signatures are computed again by the vendor's own signer, from the bytes that arrived. */
export function createAwsAccount(now: () => number = Date.now): AwsAccount {
  const known = new Map<string, { readonly keys: AwsKeys; isExpired: boolean }>();

  return {
    issue() {
      const id = `ASIA${String(known.size + 1).padStart(16, '0')}`;
      const keys = { accessKeyId: id, secretAccessKey: `secret/of+${id}`, sessionToken: `token/of+${id}==` };
      known.set(id, { keys, isExpired: false });
      return keys;
    },
    expire({ accessKeyId }) {
      const entry = known.get(accessKeyId);
      if (entry) entry.isExpired = true;
    },
    async fault(request, service, region) {
      const headers = joined(request.rawHeaders);
      const authorization = headers.get('authorization');
      if (authorization === undefined) return 'MissingAuthenticationTokenException';
      const [, credential = '', names = '', signature] = AUTHORIZATION.exec(authorization) ?? [];
      const [id = '', date, ...scope] = credential.split('/');
      const entry = known.get(id);
      if (!entry || entry.keys.sessionToken !== headers.get('x-amz-security-token'))
        return 'UnrecognizedClientException';
      if (entry.isExpired) return 'ExpiredTokenException';
      const signed = new Set(names.split(';'));
      const signedAt = timeOf(headers.get('x-amz-date'));
      const isComplete = ['host', ...[...headers.keys()].filter((name) => name.startsWith('x-amz-'))].every(
        (name) => signed.has(name),
      );
      const isInScope =
        scope.join('/') === `${region}/${service}/aws4_request` &&
        headers.get('x-amz-date')?.startsWith(`${date}T`);
      if (!isComplete || !isInScope) return 'IncompleteSignatureException';
      if (!(Math.abs(signedAt.getTime() - now()) <= MOST_SKEW_MS)) return 'InvalidSignatureException';
      const expected = await signatureOf(request, {
        headers,
        signed,
        signedAt,
        keys: entry.keys,
        service,
        region,
      });
      return expected === signature ? undefined : 'InvalidSignatureException';
    },
  };
}

interface Claim {
  readonly headers: ReadonlyMap<string, string>;
  readonly signed: ReadonlySet<string>;
  readonly signedAt: Date;
  readonly keys: AwsKeys;
  readonly service: string;
  readonly region: string;
}

async function signatureOf({ method, url, body }: Wire, claim: Claim): Promise<string | undefined> {
  const { keys, service, region, signed, signedAt } = claim;
  const signer = new SignatureV4({
    service,
    region,
    credentials: {
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey,
      ...(keys.sessionToken === undefined ? {} : { sessionToken: keys.sessionToken }),
    },
    sha256: Sha256,
    // The bytes are hashed here, whatever the request says of them.
    applyChecksum: true,
  });
  const at = new URL(url, 'http://stand-in.example');
  const [path = ''] = url.split('?');
  const query: Record<string, string[]> = {};
  for (const name of at.searchParams.keys()) query[name] = at.searchParams.getAll(name);
  const headers = Object.fromEntries(
    [...claim.headers].filter(([name]) => signed.has(name) && name !== 'x-amz-content-sha256'),
  );
  const request = { method, protocol: 'https:', hostname: at.hostname, path, query, headers, body };
  const { headers: result } = await signer.sign(request, {
    signingDate: signedAt,
    signableHeaders: new Set(signed),
  });
  return AUTHORIZATION.exec(result.authorization ?? '')?.[3];
}

/** Lines of one name are one header (RFC 9110 section 5.3), joined as signatures join them. */
function joined(rawHeaders: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = String(rawHeaders[i]).toLowerCase();
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? String(rawHeaders[i + 1]) : `${earlier},${rawHeaders[i + 1]}`);
  }
  return headers;
}

function timeOf(stamp = ''): Date {
  return new Date(stamp.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3:$4:$5Z'));
}

/** What the vendor's signer asks of a hash. */
class Sha256 {
  readonly #hash;

  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    throw new Error('a hash of a stand-in is used once');
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}
