import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { createProgram } from '../../src/cli.ts';
import type { Host } from '../../src/commands/host.ts';
import { createSystemHost } from '../../src/commands/system-host.ts';
import { generatedFrom } from './markdown.ts';

const WIDTH = 100;

/** `docs/cli.md`: the help of every command, as the program prints it. */
export function cliPage(): string {
  const host: Host = createSystemHost({ json: false, debug: false, colour: false });
  const program = createProgram({ ...host, stdout: new PassThrough(), stderr: new PassThrough() });
  return `${generatedFrom('src/commands/')}

# The command line

Results go to stdout, everything else to stderr. Without a terminal nothing prompts, spins or colours. Exit codes and what to do about a
refusal are in [developers.md](developers.md#exit-codes).

${[program, ...commandsOf(program)].map(section).join('\n\n')}
`;
}

function commandsOf(command: Command): readonly Command[] {
  return command.commands.flatMap((sub) => [sub, ...commandsOf(sub)]);
}

function section(command: Command): string {
  return `## ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command).trimEnd()}\n\`\`\``;
}

function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text;
}
