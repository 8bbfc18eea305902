import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createDeviceFlow } from '../../test/support/device-flow.ts';
import { bodyOf } from '../bench/body.ts';
import type { AnswerCase } from './upstream.ts';

export interface Traffic {
  /** One client each; what goes otherwise than it should rejects. */
  readonly clients: readonly (() => Promise<void>)[];
  close(): void;
}

const KILOBYTE = 1024;
const bodies = {
  small: Buffer.from(bodyOf({ bodyBytes: KILOBYTE, isStream: false })),
  smallStream: Buffer.from(bodyOf({ bodyBytes: KILOBYTE, isStream: true })),
  mediumStream: Buffer.from(bodyOf({ bodyBytes: 64 * KILOBYTE, isStream: true })),
  big: Buffer.from(bodyOf({ bodyBytes: KILOBYTE * KILOBYTE, isStream: false })),
} as const;

/** Developers of every kind, against a gateway. Each rests after what it did, so that the machine is not at its limit. */
export async function createTraffic(url: string): Promise<Traffic> {
  const agent = new Agent({ keepAlive: true });
  const flow = createDeviceFlow({ url });
  let { access_token: accessToken, refresh_token: refreshToken } = await flow.signIn();

  const ask = (body: Buffer, answer: AnswerCase, path = '/v1/messages'): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${accessToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
      };
      const sent = httpRequest(`${url}${path}?case=${answer}`, { method: 'POST', agent, headers }, resolve);
      sent.once('error', reject);
      sent.end(body);
    });

  const whole = async (body: Buffer, answer: AnswerCase, status: number, end: RegExp): Promise<void> => {
    const response = await ask(body, answer);
    const text = await tailOf(response);
    if (response.statusCode !== status || !end.test(text))
      throw new Error(`${answer}: ${response.statusCode}, ends in ${text.slice(-40)}`);
  };
  const json = (body: Buffer, answer: AnswerCase = 'json') => whole(body, answer, 200, /}\s*$/);
  const stream = (body: Buffer, answer: AnswerCase = 'sse') => whole(body, answer, 200, /message_stop"}\s*$/);

  const slowReader = async (): Promise<void> => {
    const response = await ask(bodies.smallStream, 'large');
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) {
      text = `${text}${chunk}`.slice(-100);
      await delay(20);
    }
    if (!/message_stop"}\s*$/.test(text)) throw new Error('large: a slow reader was not served to the end');
  };
  const leaver = async (): Promise<void> => {
    const response = await ask(bodies.mediumStream, 'paced');
    let left = 10;
    for await (const _ of response) {
      left -= 1;
      if (left === 0) break;
    }
  };
  const hasty = async (): Promise<void> => {
    const sent = httpRequest(`${url}/v1/messages?case=paced`, {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
    });
    sent.on('error', () => undefined);
    sent.end(bodies.smallStream);
    await delay(5);
    sent.destroy();
  };
  const cutOff = async (): Promise<void> => {
    const response = await ask(bodies.smallStream, 'cut');
    const isCut = await tailOf(response).then(
      (text) => text.includes('event: error'),
      () => true,
    );
    if (!isCut) throw new Error('cut: a broken stream looked whole');
  };
  const stranger = async (): Promise<void> => {
    const response = await fetch(`${url}/v1/messages`, { method: 'POST', body: '{}' });
    await response.body?.cancel();
    if (response.status !== 401) throw new Error(`stranger: ${response.status}`);
  };
  const renewal = async (): Promise<void> => {
    const answer = await flow.refresh(refreshToken);
    if (answer.status !== 200) throw new Error(`refresh: ${answer.status}`);
    ({ access_token: accessToken, refresh_token: refreshToken } = tokensIn(answer.json));
  };
  const visitor = async (): Promise<void> => {
    const session = await flow.signIn();
    const revoked = await flow.revoke(session.refresh_token);
    if (revoked.status !== 200) throw new Error(`revocation: ${revoked.status}`);
  };
  const lister = async (): Promise<void> => {
    const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${accessToken}` } });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`models: ${response.status}`);
  };

  return {
    clients: [
      ...times(6, () => resting(100, () => json(bodies.small))),
      ...times(4, () => resting(100, () => stream(bodies.mediumStream))),
      ...times(2, () => resting(1000, () => json(bodies.big))),
      ...times(8, () => resting(50, () => stream(bodies.mediumStream, 'paced'))),
      ...times(2, () => resting(500, slowReader)),
      ...times(2, () => resting(200, leaver)),
      resting(200, hasty),
      resting(200, cutOff),
      resting(200, () => json(bodies.small, 'broken')),
      resting(200, () => json(bodies.small, 'reset')),
      resting(200, () => whole(bodies.small, 'refused', 400, /invalid_request_error/)),
      resting(500, stranger),
      resting(1000, renewal),
      resting(2000, visitor),
      resting(1000, lister),
    ],
    close: () => agent.destroy(),
  };
}

function times<T>(count: number, make: () => T): readonly T[] {
  return Array.from({ length: count }, make);
}

function resting(ms: number, work: () => Promise<void>): () => Promise<void> {
  return async () => {
    try {
      await work();
    } finally {
      await delay(ms);
    }
  };
}

function tokensIn(answer: Readonly<Record<string, unknown>>) {
  return { access_token: String(answer['access_token']), refresh_token: String(answer['refresh_token']) };
}

async function tailOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text = `${text}${chunk}`.slice(-200);
  return text;
}
