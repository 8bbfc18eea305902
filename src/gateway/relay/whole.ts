import type { Clock } from '../../kernel/clock.ts';
import { joinBytes } from '../../kernel/join-bytes.ts';
import type { Accepted, Answer, Relayed, Reply } from '../exchange.ts';
import { lateAnswerEvent } from './error-event.ts';
import { NO_USAGE, usageOfMessage } from './usage.ts';

/** An answer that is longer is no message. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/**
 * Sends an answer that makes sense only as a whole when all of it is here. If the head of a streamed answer is out
 * already (an earlier upstream broke off after it), the answer becomes an `error` event.
 */
export function relayWhole(answer: Answer, request: Accepted, reply: Reply, clock: Clock): Promise<Relayed> {
  return new Promise((resolve) => {
    const { source } = answer;
    const chunks: Buffer[] = [];
    let size = 0;
    let isOver = false;

    const finish = (end: Partial<Relayed> & Pick<Relayed, 'outcome'>): void => {
      isOver = true;
      forgetGone();
      resolve({ hasSentBody: false, firstByteAtMs: undefined, usage: NO_USAGE, fault: undefined, ...end });
    };

    const leave = (): void => {
      if (isOver) return;
      finish({ outcome: 'client_left' });
      source.abort();
    };

    const forgetGone = request.onGone(leave);
    if (reply.isOver()) return leave();

    source.flow({
      chunk(bytes) {
        if (isOver) return;
        chunks.push(bytes);
        size += bytes.length;
        if (size <= MAX_ANSWER_BYTES) return;
        finish({ outcome: 'upstream_broke', fault: `its answer is longer than ${MAX_ANSWER_BYTES} bytes` });
        source.abort();
      },
      end() {
        if (isOver) return;
        const body = joinBytes(chunks, size);
        const firstByteAtMs = clock.monotonicMs();
        const sent = { hasSentBody: true, firstByteAtMs, usage: usageOfMessage(body) };
        if (!reply.isStarted()) {
          reply.send(answer.status, answer.headers, body);
          return finish({ outcome: 'complete', ...sent });
        }
        reply.write(lateAnswerEvent(answer.status, body, request.requestId));
        reply.break();
        if (answer.status >= 400) finish({ outcome: 'complete', ...sent });
        else
          finish({ outcome: 'upstream_broke', fault: 'it answered whole where a stream had begun', ...sent });
      },
      fail(error) {
        if (!isOver) finish({ outcome: 'upstream_broke', fault: error.message, cause: error });
      },
    });
  });
}
