// A process of its own for the durability tests: writes sessions into an embedded store as fast as it can, several at a time,
// and says which ones were acknowledged, until it is killed.
import { openStore } from '../../../src/gateway/store/open.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const [, , folder = '', round = ''] = process.argv;
const store = await openStore({ kind: 'embedded', folder }, { clock: systemClock, log: createMemoryLog() });
const times = { createdAtMs: 1, renewedAtMs: 1, lastSeenAtMs: 1, expiresAtMs: Number.MAX_SAFE_INTEGER };

async function write(writer: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    const sid = `${round}-${writer}-${n}`;
    const session = { sid, sub: 'x'.repeat(200), client: undefined, refreshNumber: 0, ...times };
    // On a machine that is too busy some are given up; those are not acknowledged.
    const isWritten = await store.sessions.create(session).then(
      () => true,
      () => false,
    );
    if (isWritten) process.send?.(sid);
    if (n % 20 === 0)
      await store.sessions.revoke({ sid: `${sid}-over` }, 1, Number.MAX_SAFE_INTEGER).catch(() => undefined);
  }
}

await Promise.all([write(0), write(1), write(2)]);
