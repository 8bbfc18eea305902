import { request as httpRequest, type IncomingMessage } from 'node:http';
import { expect, vi } from 'vitest';
import type { GatewayProcess } from './gateway-process.ts';
import { openRaw, type RawConnection } from './raw-http.ts';

export interface Asking {
  readonly isStreamed?: boolean;
  /** Bytes of prompt besides the sentence. */
  readonly moreBytes?: number;
}

export interface Served {
  /** The client's session id, by which the audit event is found. */
  readonly id: string;
  /** Undefined when the connection ended before an answer began. */
  readonly status: number | undefined;
  /** One character a byte. */
  readonly text: string;
  /** The answer ended where HTTP says that it ends. */
  readonly isComplete: boolean;
}

/** The bytes of a request that the test sends itself. */
export interface RawInference {
  readonly id: string;
  readonly head: string;
  readonly body: string;
}

/** Sends inference requests, each under a name of its own, and knows which of them the audit trail has to hold. */
export interface InferenceLedger {
  /** One request, to its end, whatever that is. */
  infer(asking?: Asking): Promise<Served>;
  /** A request as far as the head of its answer. */
  begin(asking?: Asking): Promise<{ readonly id: string; readonly answer: IncomingMessage }>;
  /** A connection, and what makes an inference request on it, once `100 Continue` is there. `isRequest`: so much will be sent that it becomes one. */
  raw(isRequest: boolean, asking?: Asking): Promise<RawInference & { readonly connection: RawConnection }>;
  /** A request that was refused before it became one: `auth.denied` tells of it. */
  forgive(id: string): void;
  /** The audit event of a request, past or future. */
  eventOf(id: string): Promise<Record<string, unknown>>;
  /** Waits until the audit trail has exactly one event for each request, none for anything else, and no gap. */
  expectBalanced(): Promise<void>;
}

const PATIENCE = { timeout: 20_000, interval: 50 };

export function createInferenceLedger(
  gateway: GatewayProcess,
  bearer: string,
  prompt: string,
): InferenceLedger {
  const ids = new Set<string>();
  let count = 0;

  const enter = (isRequest: boolean): string => {
    count += 1;
    const id = `chaos-${count}`;
    if (isRequest) ids.add(id);
    return id;
  };

  const bodyOf = ({ isStreamed = false, moreBytes = 0 }: Asking): string =>
    JSON.stringify({
      model: 'claude-sonnet-4-5',
      max_tokens: 64,
      stream: isStreamed,
      messages: [{ role: 'user', content: prompt + ' '.repeat(moreBytes) }],
    });

  const headersOf = (id: string, body: string) => ({
    authorization: `Bearer ${bearer}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'x-claude-code-session-id': id,
  });

  const begin = async (asking: Asking = {}) => {
    const id = enter(true);
    const body = bodyOf(asking);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { method: 'POST', agent: false, headers: headersOf(id, body) };
      const sent = httpRequest(`${gateway.url}/v1/messages`, options, resolve);
      sent.on('error', (error) => reject(Object.assign(error, { id })));
      sent.end(body);
    });
    return { id, answer };
  };

  const events = () => gateway.events('inference').map((event) => String(event['session_id']));

  return {
    begin,
    async infer(asking) {
      try {
        const { id, answer } = await begin(asking);
        return { id, status: answer.statusCode, ...(await restOf(answer)) };
      } catch (error) {
        if (!(error instanceof Error && 'id' in error)) throw error;
        return { id: String(error.id), status: undefined, text: '', isComplete: false };
      }
    },
    async raw(isRequest, asking = {}) {
      const id = enter(isRequest);
      const body = bodyOf(asking);
      const lines = Object.entries(headersOf(id, body)).map(([name, value]) => `${name}: ${value}\r\n`);
      const first = ['POST /v1/messages HTTP/1.1', 'host: gateway.test', 'expect: 100-continue'];
      const head = `${first.join('\r\n')}\r\n${lines.join('')}\r\n`;
      return { id, head, body, connection: await openRaw(Number(new URL(gateway.url).port)) };
    },
    forgive: (id) => void ids.delete(id),
    eventOf: (id) => gateway.event('inference', (event) => event['session_id'] === id),
    async expectBalanced() {
      await vi.waitFor(() => {
        const found = events();
        const held = new Set(found);
        const missing = [...ids].filter((id) => !held.has(id));
        const surplus = found.filter((id) => !ids.has(id) || !held.delete(id));
        expect({ missing, surplus }).toEqual({ missing: [], surplus: [] });
      }, PATIENCE);
      const all = gateway.events();
      expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i + 1));
      expect(all.filter((event) => 'lost' in event)).toEqual([]);
    },
  };
}

/** Everything until an answer ends, well or badly; one character a byte. */
export async function restOf(answer: IncomingMessage): Promise<Pick<Served, 'text' | 'isComplete'>> {
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  answer.on('error', () => undefined);
  if (!answer.closed) await new Promise<void>((resolve) => answer.once('close', () => resolve()));
  return { text: Buffer.concat(chunks).toString('latin1'), isComplete: answer.complete };
}
