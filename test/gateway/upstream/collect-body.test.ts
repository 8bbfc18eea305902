import { describe, expect, it } from 'vitest';
import type { AnswerSink, AnswerSource } from '../../../src/gateway/exchange.ts';
import { collectBody } from '../../../src/gateway/upstream/collect-body.ts';

/** A source in the test's hand: aborting it fails its sink, as the real one does. */
function createSource(): AnswerSource & { sink: AnswerSink | undefined } {
  const source = {
    sink: undefined as AnswerSink | undefined,
    flow(sink: AnswerSink) {
      source.sink = sink;
    },
    pause: () => undefined,
    resume: () => undefined,
    abort() {
      const { sink } = source;
      source.sink = undefined;
      sink?.fail(new Error('aborted'));
    },
  };
  return source;
}

const here = new AbortController().signal;
const limits = { maxBytes: 10, withinMs: 60_000 };

describe('an error answer', () => {
  it('is read to its end', async () => {
    const source = createSource();
    const body = collectBody(source, here, limits);
    source.sink?.chunk(Buffer.from('abc'));
    source.sink?.chunk(Buffer.from('def'));
    source.sink?.end();
    expect((await body).toString()).toBe('abcdef');
  });

  it('is cut where it is too long, and the rest not waited for', async () => {
    const source = createSource();
    const body = collectBody(source, here, limits);
    source.sink?.chunk(Buffer.from('0123456789abc'));
    expect(source.sink).toBeUndefined();
    expect((await body).toString()).toBe('0123456789');
  });

  it('that breaks off counts with what arrived', async () => {
    const source = createSource();
    const body = collectBody(source, here, limits);
    source.sink?.chunk(Buffer.from('abc'));
    source.sink?.fail(new Error('reset'));
    expect((await body).toString()).toBe('abc');
  });

  it('that stalls is given up', async () => {
    const body = collectBody(createSource(), here, { maxBytes: 10, withinMs: 1 });
    expect((await body).toString()).toBe('');
  });

  it('that nobody waits for any more is given up, also when that was known before', async () => {
    const leaving = new AbortController();
    const body = collectBody(createSource(), leaving.signal, limits);
    leaving.abort();
    expect((await body).toString()).toBe('');
    expect((await collectBody(createSource(), leaving.signal, limits)).toString()).toBe('');
  });
});
