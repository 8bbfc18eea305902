import type { Command, CommanderError } from 'commander';
import { printable } from '../client/printable.ts';
import { withFacts } from '../kernel/coded-error.ts';

/**
 * What commander found wrong with a command line, as one sentence that says what is allowed and where to read on. Empty
 * for what is no mistake: help and version.
 */
export function usageSentence(error: CommanderError, program: Command, args: readonly string[]): string {
  if (error.exitCode === 0) return '';
  const command = namedCommand(program, args);
  const problem = problems[error.code]?.(printable(error.message), command);
  const { sentence, fix } = problem ?? { sentence: withoutPrefix(printable(error.message)), fix: undefined };
  return `${sentence} (${fix ?? `see ${pathOf(command)} --help`})`;
}

interface Problem {
  readonly sentence: string;
  readonly fix?: string | undefined;
}

/** By commander's code; the words in its message are the names that were typed. */
const problems: Readonly<Record<string, (message: string, command: Command) => Problem>> = {
  'commander.unknownCommand': (message, command) => {
    const fix = suggestion(message);
    const commands = listed(command.commands.map((sub) => sub.name()));
    const sentence = `${pathOf(command)} has no command ${first(message)}`;
    return { sentence: fix === undefined ? `${sentence}, only ${commands}` : sentence, fix };
  },
  'commander.help': (_message, command) => ({
    sentence: `${pathOf(command)} needs a command: ${listed(
      command.commands.map((sub) => sub.name()),
      'or',
    )}`,
  }),
  'commander.unknownOption': (message, command) => ({
    sentence: `${pathOf(command)} has no option ${first(message)}`,
    fix: suggestion(message),
  }),
  'commander.missingArgument': (message, command) => ({
    sentence: `${pathOf(command)} needs the argument <${first(message)}>`,
  }),
  'commander.optionMissingArgument': (message) => {
    const flags = first(message);
    return { sentence: `${flags.split(' ')[0]} needs a value: ${flags}` };
  },
  'commander.excessArguments': (message, command) => ({
    sentence: `${pathOf(command)} takes ${counted(command.registeredArguments.length)}, but was given ${/ got \d+: (.*?)\.?$/.exec(message)?.[1] ?? 'more'}`,
  }),
  'commander.invalidArgument': (message, command) => ({
    sentence: `${pathOf(command)} does not know ${first(message)}; it takes ${listed(choicesOf(command), 'or')}`,
  }),
};

/** The error of a command with the name that its help is found under. */
export function withCommandName(error: unknown, program: Command, args: readonly string[]): unknown {
  return withFacts(error, { command: pathOf(namedCommand(program, args)) });
}

/** The command that the words before the mistake lead to. */
function namedCommand(program: Command, args: readonly string[]): Command {
  let command = program;
  for (const word of args) {
    const sub = command.commands.find((one) => one.name() === word);
    if (sub) command = sub;
    else if (!word.startsWith('-')) break;
  }
  return command;
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function choicesOf({ registeredArguments }: Command): readonly string[] {
  return registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
}

function counted(count: number): string {
  if (count === 0) return 'no arguments';
  return count === 1 ? 'one argument at most' : `${count} arguments at most`;
}

/** The first thing in quotes. */
function first(message: string): string {
  return /'(.*?)'/.exec(message)?.[1] ?? '';
}

function suggestion(message: string): string | undefined {
  const found = /\(Did you mean (.*)\?\)/.exec(message)?.[1];
  return found === undefined ? undefined : `did you mean ${found}?`;
}

/** `a, b and c` */
function listed(names: readonly string[], word: 'and' | 'or' = 'and'): string {
  const [last = '', ...others] = names.toReversed();
  return others.length === 0 ? last : `${others.toReversed().join(', ')} ${word} ${last}`;
}

function withoutPrefix(message: string): string {
  return message.replace(/^error: /, '').replace(/\.$/, '');
}
