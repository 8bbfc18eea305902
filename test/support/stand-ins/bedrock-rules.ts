import { type AskedOf, PRIVATE_WORD } from './stand-in.ts';

/** A refusal in AWS's own shape. */
export interface Fault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function fault(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Fault {
  return { status, code, message: `${message} (arn:aws:bedrock:us-west-2:${PRIVATE_WORD})`, headers };
}

export const MOST_BYTES = 20_000_000;
const MODELS = ['anthropic.claude-sonnet-5', 'anthropic.claude-haiku-4-5'];
const REFUSED_BETAS = ['files-api-2025-04-14', 'prompt-caching-2024-07-31', 'request-tags-2026-08-21'];
const COUNTED_BETAS = ['claude-code-20250219'];
const NOT_IN_A_BODY = ['model', 'stream', 'tags'];

/** What Bedrock refuses of a request that is signed; undefined when nothing. `sent` is the body as it came. */
export function bedrockFault(asked: AskedOf, sent: Buffer): Fault | undefined {
  const [, verb] =
    /^\/model\/[^/]+\/(invoke|invoke-with-response-stream|count-tokens)$/.exec(asked.url) ?? [];
  if (verb === undefined) return fault(404, 'UnknownOperationException', `no ${asked.url}`);
  if (asked.headers['anthropic-version'] !== undefined) return invalid('a header of another API');
  const body = JSON.parse(asked.body.toString());
  return (
    (verb === 'count-tokens' ? countFault(asked, body) : invokeFault(asked, sent)) ?? bodyFault(asked, body)
  );
}

/** The body of an InvokeModel in a CountTokens. */
export function wrappedBody(sent: Buffer): Buffer {
  return Buffer.from(JSON.parse(sent.toString()).input.invokeModel.body, 'base64');
}

function invokeFault({ model }: AskedOf, sent: Buffer): Fault | undefined {
  if (sent.length > MOST_BYTES) return fault(413, 'RequestEntityTooLargeException', 'too large');
  if (MODELS.includes(model))
    return invalid(
      `Invocation of model ID ${model} with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.`,
    );
  const isKnown =
    MODELS.some((base) => model === `us.${base}` || model === `global.${base}`) || model.startsWith('arn:');
  return isKnown ? undefined : invalid('The provided model identifier is invalid.');
}

function countFault({ model, betas }: AskedOf, body: Body): Fault | undefined {
  if (!MODELS.includes(model)) return invalid("The provided model doesn't support counting tokens");
  if (body.tools?.length === 0) return invalid('tools: List should have at least 1 item');
  const budget = body.thinking?.budget_tokens ?? 0;
  if (!(body.max_tokens >= 1 && body.max_tokens > budget)) return invalid('max_tokens: Field required');
  return betas.every((beta) => COUNTED_BETAS.includes(beta)) ? undefined : invalid('invalid beta flag');
}

interface Body {
  readonly anthropic_version?: string;
  readonly max_tokens: number;
  readonly tools?: readonly unknown[];
  readonly thinking?: { readonly budget_tokens?: number };
}

function bodyFault({ betas }: AskedOf, body: Body): Fault | undefined {
  const extra = NOT_IN_A_BODY.find((name) => Object.hasOwn(body, name));
  if (extra !== undefined) return invalid(`${extra}: Extra inputs are not permitted`);
  if (body.anthropic_version !== 'bedrock-2023-05-31') return invalid('anthropic_version: Field required');
  if (betas.some((beta) => REFUSED_BETAS.includes(beta))) return invalid('invalid beta flag');
  return undefined;
}

function invalid(message: string): Fault {
  return fault(400, 'ValidationException', message);
}
