import { styleText } from 'node:util';
import type { Colour } from './host.ts';

/** What decides about colour: the flag, the terminals and the environment. */
export interface ColourWish {
  /** False with `--no-color`. */
  readonly isAllowed: boolean;
  /** Whether everything that is printed is seen on a terminal. */
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Whether to print colours: never without a terminal, whatever is forced, and not on one that cannot. `NO_COLOR` counts
 * when it is not empty (no-color.org), `FORCE_COLOR` when it says no.
 */
export function wantsColour({ isAllowed, isTerminal, env }: ColourWish): boolean {
  if (!isAllowed || !isTerminal || env['NO_COLOR']) return false;
  return !isDumb(env) && !['0', 'false'].includes(env['FORCE_COLOR'] ?? '');
}

/** Whether the terminal says that it knows neither colours nor how to move the cursor. */
export function isDumb(env: ColourWish['env']): boolean {
  return env['TERM'] === 'dumb';
}

export function createColour(isEnabled: boolean): Colour {
  const paint = (style: keyof Colour) => (text: string) =>
    isEnabled ? styleText(style, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  };
}
