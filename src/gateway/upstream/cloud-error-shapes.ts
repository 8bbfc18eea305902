import { z } from 'zod';
import type { Refusal, ShownError } from './provider.ts';

/** The shapes in which clouds refuse: AWS, Google, Azure, and the Messages API's own from behind them. */

const Envelope = z.object({
  type: z.literal('error'),
  error: z.object({ type: z.string().regex(/^[a-z_]{1,64}$/), message: z.string() }),
});

const text = z.string().optional().catch(undefined);
const OwnShape = z.object({
  __type: text,
  code: text,
  message: text,
  Message: text,
  error: z
    .union([
      z.object({ code: text, status: text, message: text }),
      z.string().transform((message) => ({ message, code: undefined, status: undefined })),
    ])
    .optional()
    .catch(undefined),
});

/** The body as JSON, out of the list of one that Google puts it in at times; undefined when it is none. */
export function readJson(body: Buffer): unknown {
  try {
    const said: unknown = JSON.parse(body.toString());
    return Array.isArray(said) ? said[0] : said;
  } catch {
    return undefined;
  }
}

/** What the model's side said; undefined when the platform before it refused. */
export function anthropicEnvelope(said: unknown): ShownError | undefined {
  return Envelope.safeParse(said).data?.error;
}

/** A platform's message, or nothing. */
export function ownMessage(said: unknown): string {
  const own = OwnShape.safeParse(said).data;
  return own?.message ?? own?.Message ?? own?.error?.message ?? '';
}

/** What a refusal says in either shape, or nothing. */
export function messageOf(body: Buffer): string {
  const said = readJson(body);
  return anthropicEnvelope(said)?.message ?? ownMessage(said);
}

/** All that may be the error's code, as the provider writes it. */
export function codesOf(headers: Refusal['headers'], said: unknown): readonly string[] {
  const own = OwnShape.safeParse(said).data;
  const header = headers['x-amzn-errortype'];
  const type = Array.isArray(header) ? header[0] : header;
  return [
    type?.split(':')[0],
    own?.__type?.split('#').at(-1),
    own?.code,
    own?.error?.status,
    own?.error?.code,
  ].flatMap((code) => (code === undefined ? [] : [code.trim()]));
}
