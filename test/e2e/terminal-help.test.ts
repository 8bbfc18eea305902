import { describe, expect, it } from 'vitest';
import { hasTerminal, startInTerminal } from '../support/terminal.ts';

describe.skipIf(!hasTerminal)('help on a terminal', () => {
  it.each([
    [40, '  --no-browser\n      only print the link\n'],
    [0, '  --no-browser         only print the link\n'],
  ])(
    'is laid out for %i columns',
    async (columns, lines) => {
      const shown = startInTerminal(['login', '--help'], {}, { columns, rows: 24 });
      expect(await shown.ended).toBe(0);
      expect(shown.text()).toContain(lines);
    },
    60_000,
  );
});
