import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makePrivateFolder } from '../../src/client/private-file.ts';

describe('a folder for sessions that cannot be made', () => {
  it.each(
    ['/dev/null/sallyport', '/proc/sallyport'].filter((path) => existsSync(path.split('/sally')[0] ?? '')),
  )('is named with what to do about it: %s', async (folder) => {
    await expect(makePrivateFolder(folder, 'linux')).rejects.toMatchObject({
      code: 'command_failed',
      detail: expect.stringMatching(
        new RegExp(
          `^${folder} cannot be made \\(\\w+\\): .*; name a folder of your own in SALLYPORT_CONFIG_DIR$`,
        ),
      ),
    });
  });
});
