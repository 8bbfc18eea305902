import type { ErrorCode } from './error-codes.ts';

/** What a thrower knows: `detail` is for the operator's log, `facts` fill the public sentence at the edge. */
export interface ErrorContext {
  readonly detail?: string;
  readonly facts?: Readonly<Record<string, string | number>>;
  readonly cause?: unknown;
}

/**
 * The one error of this program. Its code decides, in a table at the edge, the HTTP status and sentence or the exit
 * code and hint. Neither `detail` nor `facts` ever holds a token, key, code or prompt text.
 */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly facts: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, context: ErrorContext = {}) {
    super(context.detail ? `${code}: ${context.detail}` : code, { cause: context.cause });
    this.code = code;
    this.detail = context.detail;
    this.facts = context.facts ?? {};
  }
}

/** The error with facts that its thrower did not know; those it knew stay. What is no CodedError stays as it is. */
export function withFacts(error: unknown, facts: NonNullable<ErrorContext['facts']>): unknown {
  if (!(error instanceof CodedError)) return error;
  return new CodedError(error.code, {
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    facts: { ...facts, ...error.facts },
    cause: error,
  });
}

export function isCodedError(error: unknown, code?: ErrorCode): error is CodedError {
  return error instanceof CodedError && (code === undefined || error.code === code);
}
