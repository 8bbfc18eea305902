import type { Command, Help, HelpConfiguration } from 'commander';

const USUAL_COLUMNS = 80;
const WIDEST_COLUMNS = 100;
/** A description that has less room beside its term goes below it. */
const LEAST_ROOM = 30;
const INDENT = '  ';

/** The columns that help is laid out for: a terminal without a width, or none at all, counts as a usual one. */
export function helpColumns(columns: number | undefined): number {
  return columns ? Math.min(columns, WIDEST_COLUMNS) : USUAL_COLUMNS;
}

/** How every command's help is laid out, on narrow terminals too. */
export const helpLayout: HelpConfiguration = {
  showGlobalOptions: true,
  minWidthToWrap: 20,
  styleTitle: (title) => (title === 'Global Options:' ? 'Options of every command:' : title),
  formatItem(term, termWidth, description, helper) {
    const start = INDENT.length + termWidth + INDENT.length;
    const columns = helper.helpWidth ?? USUAL_COLUMNS;
    if (columns - start >= LEAST_ROOM)
      return `${INDENT}${term.padEnd(termWidth)}${INDENT}${block(description, columns, start, helper)}`.trimEnd();
    const below = INDENT.repeat(3);
    return `${INDENT}${term}\n${below}${block(description, columns, below.length, helper)}`.trimEnd();
  },
};

function block(text: string, columns: number, start: number, helper: Help): string {
  return helper.boxWrap(text, columns - start).replaceAll('\n', `\n${' '.repeat(start)}`);
}

/**
 * Text after a command's options: a paragraph a line, wrapped to the terminal. Lines that begin with a space stay as they
 * are: they are there to be copied.
 */
export function notes(text: string): (context: { readonly command: Command }) => string {
  return ({ command }) => {
    const helper = command.createHelp();
    const columns = command.configureOutput().getOutHelpWidth?.() ?? USUAL_COLUMNS;
    const laidOut = (line: string) => (/^\s/.test(line) ? line : helper.boxWrap(line, columns));
    return text.split('\n').map(laidOut).join('\n');
  };
}

/** Ends the help of every command. */
export const EXIT_CODES =
  '\nExit codes: 0 done, 1 failed, 2 bad usage or bad configuration, 3 not signed in, 4 refused for safety, 5 refused by the gateway, 130 interrupted.';
