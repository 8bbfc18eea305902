import type { Machine } from '../../src/client/machine.ts';

export interface TestMachine extends Machine {
  readonly lookups: readonly string[];
  readonly opened: readonly string[];
}

/** A machine with a resolver of the test's own: names it does not list do not exist. */
export function createTestMachine(options: {
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly authorities?: readonly string[];
  readonly ownAddress?: string;
  readonly managedSettingsPath?: string;
}): TestMachine {
  const lookups: string[] = [];
  const opened: string[] = [];
  return {
    lookups,
    opened,
    async resolve(hostname) {
      lookups.push(hostname);
      return options.names?.[hostname] ?? [];
    },
    ownAddressToward: async () => options.ownAddress ?? '127.0.0.1',
    certificateAuthorities: () => options.authorities ?? [],
    managedSettingsPath: options.managedSettingsPath ?? '/nowhere/managed-settings.json',
    isAdministrator: (uid) => uid === 0 || uid === process.getuid?.(),
    async openBrowser(link) {
      opened.push(link);
      return true;
    },
  };
}
