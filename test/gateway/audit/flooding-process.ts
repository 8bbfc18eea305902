import { createAuditWriter } from '../../../src/gateway/audit/audit-writer.ts';
import { createLineWriter } from '../../../src/gateway/audit/line-writer.ts';
import { systemClock } from '../../../src/kernel/clock.ts';

/**
 * Audits to its stderr, which nobody reads, until lines are lost; says so on stdout. Once something arrives on stdin it
 * audits until a line is kept again, and ends.
 */
const lines = createLineWriter(process.stderr, 200_000);
const { audit, close } = createAuditWriter(lines, systemClock);

while (lines.lost < 100) {
  for (let i = 0; i < 50; i += 1) audit('inference', `req_${i}`, { model: 'm'.repeat(200) });
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write('lost\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
await lines.flush();
audit('inference', 'req_after', {});
await close();
process.exit(0);
