import { z } from 'zod';

/** What `npm audit --json` prints: findings, or why there are none. */
const Answer = z.union([
  z.object({
    vulnerabilities: z.record(
      z.string(),
      z.object({
        severity: z.enum(['info', 'low', 'moderate', 'high', 'critical']),
        range: z.string(),
        nodes: z.array(z.string()),
      }),
    ),
  }),
  z.object({ statusCode: z.number() }),
]);

/** Statuses by which a registry says that it keeps no advisories. */
const NO_SUCH_ENDPOINT = [404, 405, 410, 501];

export type Advisories =
  | { readonly kind: 'asked'; readonly grave: readonly string[]; readonly other: readonly string[] }
  | { readonly kind: 'not_kept'; readonly status: number }
  | { readonly kind: 'unknown' };

/**
 * Judges the output of `npm audit --json`. Grave is what is high or critical in a package of the product, whose places are
 * `productPaths`; other is the rest, that of tools included. Whatever is no clear answer is `unknown`.
 */
export function judgeAdvisories(output: string, productPaths: ReadonlySet<string>): Advisories {
  const answer = Answer.safeParse(json(output));
  if (!answer.success) return { kind: 'unknown' };
  if ('statusCode' in answer.data) {
    const status = answer.data.statusCode;
    return NO_SUCH_ENDPOINT.includes(status) ? { kind: 'not_kept', status } : { kind: 'unknown' };
  }
  const grave: string[] = [];
  const other: string[] = [];
  for (const [name, { severity, range, nodes }] of Object.entries(answer.data.vulnerabilities)) {
    const isGrave =
      (severity === 'high' || severity === 'critical') && nodes.some((node) => productPaths.has(node));
    (isGrave ? grave : other).push(`${severity}: ${name} ${range}`);
  }
  return { kind: 'asked', grave, other };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
