import type { z } from 'zod';
import { describeFound, holdsCredentials } from './found.ts';
import { nearest } from './nearest.ts';
import { isSecretSchema, optionsOf } from './schema-kind.ts';
import type { Path } from './source-problem.ts';
import { type ConfigNode, childOf, plainValue, type ScalarNode } from './source-tree.ts';

export interface LeafProblem {
  /** Within the value, which may be a list. */
  readonly path: Path;
  readonly message: string;
  readonly hint: string | undefined;
}

export type LeafReading =
  | { readonly value: unknown; readonly input: unknown }
  | { readonly problems: readonly LeafProblem[] };

/** Judges a value that its schema takes as a whole. What variables filled in may be meant as a number or boolean. */
export function readLeaf(schema: z.ZodType, node: ConfigNode): LeafReading {
  const plain = plainValue(node);
  const isFilled = node.kind === 'scalar' && node.expansion?.kind === 'variables';
  for (const input of isFilled ? readings(plain) : [plain]) {
    const parsed = schema.safeParse(input);
    if (parsed.success) return { value: parsed.data, input };
  }
  const isSecret = isSecretSchema(schema);
  const problems = issuesOf(schema, plain).map(({ path, message, hint }): LeafProblem => {
    const found = nodeAt(node, path);
    return { path, message: withFound(message, found, isSecret), hint: hint ?? hintFor(schema, found, path) };
  });
  return { problems };
}

/** What a variable's text may mean: itself, a number, a boolean. */
function readings(value: unknown): unknown[] {
  if (typeof value !== 'string') return [value];
  const text = value.trim();
  const numbers = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? [Number(text)] : [];
  const flags = text === 'true' || text === 'false' ? [text === 'true'] : [];
  return [value, ...numbers, ...flags];
}

interface Issue {
  readonly path: Path;
  readonly message: string;
  readonly hint: string | undefined;
}

function issuesOf(schema: z.ZodType, plain: unknown): Issue[] {
  const parsed = schema.safeParse(plain);
  const issues = parsed.success ? [] : parsed.error.issues.flatMap(relevant);
  // A type that is wrong also fails what follows; the first word on a place is the one that helps.
  const first = new Map<string, Issue>();
  for (const issue of issues) {
    const place = issue.path.join('.');
    if (!first.has(place)) first.set(place, issue);
  }
  return [...first.values()];
}

/** Of a union the branch that the value's form chooses. */
function relevant(issue: z.core.$ZodIssue): Issue[] {
  const path = issue.path.filter((step) => typeof step !== 'symbol');
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((errors) => !errors.some(isAboutForm));
    if (branch && branch.length > 0)
      return branch.flatMap((inner) =>
        relevant(inner).map((found) => ({ ...found, path: [...path, ...found.path] })),
      );
  }
  // A refinement can bring its own advice.
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
  return [{ path, message: issue.message, hint: typeof hint === 'string' ? hint : undefined }];
}

/** The branch is about another form of value altogether. */
function isAboutForm({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
}

function nodeAt(node: ConfigNode, path: Path): ConfigNode {
  let current = node;
  for (const step of path) current = childOf(current, step) ?? current;
  return current;
}

function withFound(message: string, node: ConfigNode, isSecret: boolean): string {
  const isEmptyVariable = node.kind === 'scalar' && node.expansion?.kind === 'variables' && node.value === '';
  if (isEmptyVariable) return `is empty: ${variablesOf(node)} is set to nothing`;
  return message.startsWith('must be ') ? `${message}, found ${describeFound(node, isSecret)}` : message;
}

function variablesOf(node: ScalarNode): string {
  return (node.expansion?.names ?? []).map((name) => `\${${name}}`).join('');
}

/** Quotes too many or too few, a scheme left out, a word misspelt: quoted only where the value itself may be seen. */
function hintFor(schema: z.ZodType, node: ConfigNode, path: Path): string | undefined {
  if (node.kind !== 'scalar' || path.length > 0) return undefined;
  const { value, expansion } = node;
  const isAccepted = (input: unknown) => schema.safeParse(input).success;
  if (typeof value === 'number' || typeof value === 'boolean')
    return isAccepted(String(value)) ? 'put it in quotes' : undefined;
  if (typeof value !== 'string' || expansion?.kind === 'file') return undefined;
  if (isSecretSchema(schema) || holdsCredentials(value)) return undefined;
  if (!expansion && readings(value).slice(1).some(isAccepted)) return 'write it without quotes';
  if (isAccepted(`https://${value}`)) return `write https://${value}`;
  const near = nearest(value, optionsOf(schema));
  return near === undefined ? undefined : `did you mean ${near}?`;
}
