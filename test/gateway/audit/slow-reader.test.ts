import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('./flooding-process.ts', import.meta.url));

it('a process whose stderr nobody reads goes on, and accounts for every line in the end', async () => {
  const child = spawn(process.execPath, [script], { stdio: 'pipe' });
  await once(child.stdout, 'data');
  const stderr = text(child.stderr);
  child.stdin.end('go');
  const events = (await stderr)
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
  const after = events.find((event) => event['request_id'] === 'req_after');
  const stop = events.at(-1);
  expect(stop).toMatchObject({ evt: 'gateway.stop', lines: events.length });
  expect(after?.['lost']).toBeGreaterThanOrEqual(100);
  expect(stop?.['lost']).toBe(after?.['lost']);
  expect(stop?.['seq']).toBe(events.length + Number(stop?.['lost']));
});
