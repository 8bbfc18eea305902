import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { describe } from 'vitest';

const EXECUTABLE = '/usr/bin/chromium';

/** Chromium is there; in CI it must be. */
export const hasChromium = existsSync(EXECUTABLE);

if (!hasChromium && process.env['CI']) throw new Error(`${EXECUTABLE} is missing: CI installs it`);

/** `describe` for what needs a real browser. */
export const describeWithChromium = describe.skipIf(!hasChromium);

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
}
