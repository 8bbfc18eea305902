// A process of its own for the lock's tests: holds the lock until killed, or counts in a file under it.
import { readFile, writeFile } from 'node:fs/promises';
import { withFileLock } from '../../src/client/file-lock.ts';

const [, , path = '', task, counter = ''] = process.argv;

if (task === 'hold') {
  await withFileLock(path, async () => {
    process.send?.('held');
    await new Promise(() => setInterval(() => undefined, 60_000));
  });
} else {
  for (let round = 0; round < 20; round += 1) {
    await withFileLock(path, async () => {
      const count = Number(await readFile(counter, 'utf8'));
      await writeFile(counter, String(count + 1));
    });
  }
  process.disconnect?.();
}
