import { CodedError } from '../kernel/coded-error.ts';

/** A question that is answered with yes or no. */
export interface Prompt {
  readonly question: string;
  /** What no answer means. */
  readonly fallback: boolean;
  readonly isColoured: boolean;
  readonly signal: AbortSignal;
}

export interface PromptStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Asks in a line that is redrawn as the answer is typed. Throws CodedError `interrupted` on Ctrl-C, Ctrl-D and the signal. */
export async function confirmInPlace(prompt: Prompt, { input, output }: PromptStreams): Promise<boolean> {
  const { question: message, fallback, isColoured, signal } = prompt;
  const { confirm } = await import('@inquirer/prompts');
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  // With Ctrl-D the prompt closes without an answer, and would never say so.
  const onKey = (_text: unknown, key: { readonly ctrl?: boolean; readonly name?: string }): void => {
    if (key.ctrl && key.name === 'd') leave();
  };
  input.on('keypress', onKey).once('end', leave);
  try {
    return await confirm(
      { message, default: fallback, ...(isColoured ? {} : { theme: PLAIN_THEME }) },
      { input, output, signal: AbortSignal.any([signal, gone.signal]) },
    );
  } catch (cause) {
    throw new CodedError('interrupted', { cause });
  } finally {
    input.off('keypress', onKey).off('end', leave);
  }
}

const same = (text: string): string => text;
const PLAIN_THEME = {
  prefix: { idle: '?', done: '✔' },
  style: {
    answer: same,
    message: same,
    error: (text: string) => `> ${text}`,
    defaultAnswer: (text: string) => `(${text})`,
  },
};

/** Asks in lines that stay as they are, until the answer is yes, no or nothing. Throws like `confirmInPlace`. */
export async function confirmInLine(prompt: Prompt, { input, output }: PromptStreams): Promise<boolean> {
  const { question, fallback, signal } = prompt;
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input, output, terminal: false });
  const gone = new AbortController();
  lines.once('close', () => gone.abort());
  try {
    for (;;) {
      const asked = `? ${question} (${fallback ? 'Y/n' : 'y/N'}) `;
      const answer = await lines.question(asked, { signal: AbortSignal.any([signal, gone.signal]) });
      const word = answer.trim().toLowerCase();
      if (word === '') return fallback;
      if ('yes'.startsWith(word)) return true;
      if ('no'.startsWith(word)) return false;
    }
  } catch (cause) {
    throw new CodedError('interrupted', { cause });
  } finally {
    lines.close();
  }
}
