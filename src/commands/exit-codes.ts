import { CodedError } from '../kernel/coded-error.ts';
import { FAILED, type Facts, failures, UNSAFE } from './failures.ts';

/** What a failed command says and how it ends. */
export interface Ending {
  readonly exitCode: number;
  /** Empty when there is nothing to say. */
  readonly sentence: string;
  /** The next step. */
  readonly hint: string | undefined;
}

/** How a command ends for an error. What is not a CodedError is a mistake in this program and ends with 1. */
export function endingFor(error: unknown): Ending {
  if (!(error instanceof CodedError)) {
    const hint = 'This is a mistake in sallyport. Run the command again with --debug to see where.';
    return { exitCode: FAILED, sentence: `Something unexpected went wrong (${kindOf(error)})`, hint };
  }
  const failure = failures[error.code];
  return {
    exitCode: error.code === 'command_failed' ? exitCodeOf(error.facts) : failure.exitCode,
    sentence: failure.sentence(error.facts, error.detail),
    hint: failure.hint?.(error.facts),
  };
}

/** What an error means and what to do, where there is one line for it. */
export function inOneLine(error: unknown): string {
  const { sentence, hint } = endingFor(error);
  return hint ? `${sentence}. ${hint}` : sentence;
}

/** Whether a command was refused for safety. */
export function isUnsafe(error: unknown): boolean {
  return error instanceof CodedError && failures[error.code].exitCode === UNSAFE;
}

/** A code or a class: nothing that could hold what the error is about. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'not even an error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** A command that was run for the developer ends this one with its own exit code. */
function exitCodeOf({ exitCode }: Facts): number {
  return typeof exitCode === 'number' ? exitCode : FAILED;
}
