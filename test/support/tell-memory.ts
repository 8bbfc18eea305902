// Loaded into a child process with --import: on SIGUSR2 it collects garbage and prints how many bytes are held all the same.
// What the allocator keeps for later is not among them.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    process.stdout.write(`bytes held: ${heapUsed + external}\n`);
  });
}
