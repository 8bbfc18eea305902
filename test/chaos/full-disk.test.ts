import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { openWorld, SOUND, type World } from '../support/chaos-world.ts';
import { ask } from '../support/device-flow.ts';
import { newEmbeddedFolder } from '../support/embedded-store.ts';

const DISK_MEGABYTES = 96;
const PIECE = Buffer.alloc(64 * 1024);
const PATIENCE = { timeout: 60_000, interval: 20 };

const undo: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A small disk of its own, with an empty store on it. */
async function mountDisk(): Promise<string> {
  const disk = mkdtempSync(join(tmpdir(), 'sallyport-disk-'));
  undo.push(() => rmSync(disk, { recursive: true, force: true }));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m`, 'tmpfs', disk]);
  undo.push(() => void execFileSync('umount', ['--lazy', disk]));
  const made = await newEmbeddedFolder();
  undo.push(() => rmSync(made, { recursive: true, force: true }));
  cpSync(made, join(disk, 'store'), { recursive: true });
  return disk;
}

/** Leaves no byte on a disk. */
function fill(file: string): void {
  writeFileSync(file, '');
  for (let size = PIECE.length; size >= 1; size /= 2)
    try {
      for (;;) appendFileSync(file, PIECE.subarray(0, size));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
}

async function signInStatus({ gateway }: World): Promise<number> {
  return (await ask(`${gateway.url}/oauth/device_authorization`, { form: {} })).status;
}

const mayMount = process.getuid?.() === 0;

// In CI it is never left out: there it fails where no disk may be mounted.
it.skipIf(!mayMount && !process.env['CI'])(
  'while the disk under the embedded store is full, inference and refresh go on and sign-in is 503; afterwards all is as before',
  async () => {
    const disk = await mountDisk();
    const world = await openWorld({ store: { embedded: join(disk, 'store') } });
    undo.push(() => world.close());
    for (let round = 0; round < 2; round += 1) {
      fill(join(disk, 'filler'));
      // What has room in the pages there are is still written.
      await vi.waitFor(async () => expect(await signInStatus(world)).toBe(503), PATIENCE);
      await world.gateway.line(/ error store is short of what it needs \(53100 .*No space left on device/);
      for (let i = 0; i < 10; i += 1)
        expect(await world.infer({ isStreamed: true })).toMatchObject({
          text: SOUND.join(''),
          isComplete: true,
        });
      expect(await world.refresh()).toBe(200);
      expect((await ask(`${world.gateway.url}/healthz`)).status).toBe(200);
      rmSync(join(disk, 'filler'));
      await world.expectSteady();
    }
  },
  180_000,
);
