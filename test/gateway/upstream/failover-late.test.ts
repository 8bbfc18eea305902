import { beforeEach, describe, expect, it } from 'vitest';
import { open, post, readAll, request, type TestGateway } from '../../support/inference-gateway.ts';
import { openBefore, startTwoUpstreams } from '../../support/two-upstreams.ts';
import {
  type Answerer,
  answerEvents,
  message,
  refusal,
  reset,
  type StandInUpstream,
  startStream,
  stream,
} from '../../support/upstream.ts';

let first: StandInUpstream;
let second: StandInUpstream;
let gateway: TestGateway;

async function openGateway(headersHeldMs: number): Promise<void> {
  gateway = await openBefore({ first, second }, {}, { relay: { headersHeldMs } });
}

beforeEach(async () => {
  ({ first, second } = await startTwoUpstreams());
});

describe('once the head of a stream is out without a byte', () => {
  /** Sends a head, waits until the client has the gateway's, then resets. */
  const breakAfterHead =
    (hasHead: Promise<unknown>): Answerer =>
    async (_request, response) => {
      startStream(response);
      response.flushHeaders();
      await hasHead;
      response.socket?.resetAndDestroy();
    };

  it('the next upstream still serves as if nothing had happened', async () => {
    await openGateway(5);
    const bytes = answerEvents(['late']).join('');
    second.answer = stream(bytes);
    const { answer } = await postAndBreak();
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe(bytes);
    expect(answer.isComplete).toBe(true);
  });

  it("the next upstream's refusal becomes an error event", async () => {
    await openGateway(5);
    second.answer = refusal(400, 'invalid_request_error', 'no\nsuch thing');
    const { answer } = await postAndBreak();
    expect(answer.isComplete).toBe(false);
    const [, data = ''] = /^event: error\ndata: (.*)\n\n$/.exec(answer.body.toString()) ?? [];
    expect(JSON.parse(data).error).toEqual({ type: 'invalid_request_error', message: 'no\nsuch thing' });
  });

  it.each([
    ['a refusal that no client knows', 'refused', html(400, '<h1>no</h1>'), 400],
    ['a whole message', 'upstream_broke', message(), 200],
  ])(
    '%s of the next upstream becomes a sentence of what happened and what to do',
    async (_what, outcome, answerer, status) => {
      await openGateway(5);
      second.answer = answerer;
      const { answer } = await postAndBreak();
      expect(answer.isComplete).toBe(false);
      const [, data = ''] = /^event: error\ndata: (.*)\n\n$/.exec(answer.body.toString()) ?? [];
      expect(JSON.parse(data).error).toEqual({
        type: 'api_error',
        message: `no upstream streamed an answer: the first broke off before a word of it, the next answered ${status} instead; send the request again`,
      });
      expect(await gateway.event()).toMatchObject({ outcome, upstream: 'second', attempts: 2 });
    },
  );

  it("the gateway's own last word becomes an error event", async () => {
    await openGateway(5);
    second.answer = reset;
    const { answer } = await postAndBreak();
    expect(answer.isComplete).toBe(false);
    expect(answer.body.toString()).toMatch(
      /^event: error\ndata: .*all upstreams failed \(2 attempted\).*\n\n$/,
    );
    expect(await gateway.event()).toMatchObject({
      outcome: 'upstream_broke',
      attempts: 2,
      upstream: 'second',
      upstream_request_id: undefined,
    });
  });

  function html(status: number, text: string): Answerer {
    return (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/html' });
      response.end(text);
    };
  }

  async function postAndBreak() {
    let tell: (value?: unknown) => void = () => undefined;
    first.answer = breakAfterHead(
      new Promise((resolve) => {
        tell = resolve;
      }),
    );
    const answer = await open(gateway, { ...request, stream: true });
    tell();
    return { answer: await readAll(answer) };
  }
});

describe('the head of a stream', () => {
  it('waits for the first byte, so that a broken upstream stays unseen', async () => {
    await openGateway(60_000);
    first.answer = (_request, response) => {
      startStream(response);
      response.flushHeaders();
      setImmediate(() => response.socket?.resetAndDestroy());
    };
    second.answer = message();
    const answer = await post(gateway, { ...request, stream: true });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.status).toBe(200);
  });
});
