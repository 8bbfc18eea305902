import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli.ts';
import { helpColumns } from '../../src/commands/help-layout.ts';
import { createMemoryHost } from '../support/memory-host.ts';

const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
const commands = all(createProgram(createMemoryHost()));
const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

function helpAt(command: Command, columns: number): string {
  let text = '';
  const writeOut = (part: string) => {
    text += part;
  };
  command.configureOutput({ writeOut, getOutHelpWidth: () => columns });
  command.outputHelp();
  return text;
}

/** Lines to be copied and the usage are not broken. */
const isBroken = (line: string) => !/^ +(?:[$#"]|https:)|^Usage:/.test(line);

describe.each(commands.map((command) => [pathOf(command), command] as const))(
  '%s --help',
  (path, command) => {
    it('has an example that fits a usual terminal, and names the exit codes', () => {
      const help = helpAt(command, 80);
      expect(help).toMatch(new RegExp(`^  \\$ .*${path}`, 'm'));
      expect(help.replaceAll(/\n(?! |$)/gm, ' ')).toContain('Exit codes: 0 done, 1 failed, 2 bad usage');
      expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    });

    it.each([40, 60, 100])('keeps to %i columns', (columns) => {
      const lines = helpAt(command, columns).split('\n');
      expect(lines.filter((line) => line.length > columns && isBroken(line))).toEqual([]);
    });

    it('says the same at every width', () => {
      const words = (columns: number) => helpAt(command, columns).split(/\s+/);
      expect(words(40)).toEqual(words(100));
    });
  },
);

describe('the columns of help', () => {
  it.each([
    [undefined, 80],
    [0, 80],
    [40, 40],
    [100, 100],
    [300, 100],
  ])('of a terminal with %s are %i', (given, columns) => {
    expect(helpColumns(given)).toBe(columns);
  });
});
