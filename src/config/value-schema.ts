import { z } from 'zod';
import { anyText, choice, flag } from './fields.ts';
import type { createNearest } from './nearest.ts';
import type { Report } from './report.ts';
import type { Path } from './source-problem.ts';

/** What the key files say of a value, in the words of JSON Schema (draft 2020-12). Nothing said: anything. */
export interface ValueSchema {
  readonly type?: string | readonly string[] | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly const?: string | boolean | number | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
  readonly exclusiveMinimum?: number | undefined;
  readonly minLength?: number | undefined;
  readonly maxLength?: number | undefined;
  readonly pattern?: string | undefined;
  readonly minItems?: number | undefined;
  readonly maxItems?: number | undefined;
  readonly items?: ValueSchema | undefined;
  /** Other keys are warned of, unless `additionalProperties` says something. */
  readonly properties?: Readonly<Record<string, ValueSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: boolean | ValueSchema | undefined;
  /** Keys by their names; others are warned of. */
  readonly propertyNames?: { readonly enum: readonly string[] } | undefined;
  readonly oneOf?: readonly ValueSchema[] | undefined;
}

const strings = z.array(z.string());

/** Throws for a word that nothing here goes by, so that no key file promises what is not checked. */
export const valueSchemaShape: z.ZodType<ValueSchema> = z.lazy(() =>
  z.strictObject({
    type: z.union([z.string(), strings]).optional(),
    enum: strings.optional(),
    const: z.union([z.string(), z.boolean(), z.number()]).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
    exclusiveMinimum: z.number().optional(),
    minLength: z.number().optional(),
    maxLength: z.number().optional(),
    pattern: z.string().optional(),
    minItems: z.number().optional(),
    maxItems: z.number().optional(),
    items: valueSchemaShape.optional(),
    properties: z.record(z.string(), valueSchemaShape).optional(),
    required: strings.optional(),
    additionalProperties: z.union([z.boolean(), valueSchemaShape]).optional(),
    propertyNames: z.strictObject({ enum: strings }).optional(),
    oneOf: z.array(valueSchemaShape).optional(),
  }),
);

/** The outermost form of a value: what the loader reads it by, before `checkValue` judges what is within. */
export function outermostShape({ type, enum: words, const: only }: ValueSchema): z.ZodType {
  const [first, ...rest] = words ?? (typeof only === 'string' ? [only] : []);
  if (first !== undefined) return choice(first, ...rest);
  switch (type) {
    case 'string':
      return anyText();
    case 'boolean':
      return flag();
    case 'number':
      return z.number({ error: 'must be a number' });
    case 'integer':
      return z.int({ error: 'must be a whole number' });
    case 'array':
      return z.array(z.unknown(), { error: 'must be a list' });
    case 'object':
      return z.record(z.string(), z.unknown(), { error: 'must be a map' });
    default:
      return z.unknown();
  }
}

/** Where problems go, and where a misspelt key gets its advice. */
export interface ValueJudge {
  readonly report: Pick<Report, 'error' | 'warning'>;
  readonly near: ReturnType<typeof createNearest>;
}

/** Reports whatever of a value is not as its schema says, each at its place, and never the value itself. */
export function checkValue(schema: ValueSchema, value: unknown, path: Path, judge: ValueJudge): void {
  // What is not there has been reported, or waits for a variable.
  if (value === undefined) return;
  if (schema.oneOf) return checkAlternatives(schema.oneOf, value, path, judge);
  const complaint = complaintOf(schema, value);
  if (complaint !== undefined) return judge.report.error(path, complaint);
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items) for (const [index, item] of value.entries()) checkValue(items, item, [...path, index], judge);
  } else if (isMap(value)) checkMembers(schema, value, path, judge);
}

/** The one that is meant: chosen by a word that all have, or by which of them finds least wrong. */
function checkAlternatives(
  alternatives: readonly ValueSchema[],
  value: unknown,
  path: Path,
  judge: ValueJudge,
): void {
  const word = chosenBy(alternatives);
  if (word !== undefined && isMap(value)) {
    const chosen = alternatives.find(({ properties }) => properties?.[word]?.const === value[word]);
    if (chosen) return checkValue(chosen, value, path, judge);
    const words = alternatives.map(({ properties }) => properties?.[word]?.const);
    return judge.report.error([...path, word], `must be one of ${words.join(', ')}`);
  }
  const ofItsForm = alternatives.filter((alternative) => complaintOf(alternative, value) === undefined);
  if (ofItsForm.length === 0) return judge.report.error(path, `must be ${listed(alternatives.map(formOf))}`);
  const fitting = ofItsForm.find((alternative) => mistakesOf(alternative, value) === 0);
  if (fitting) return checkValue(fitting, value, path, judge);
  const [only, ...others] = ofItsForm;
  if (only && others.length === 0) return checkValue(only, value, path, judge);
  const forms = ofItsForm.map(({ required }) => `{ ${(required ?? []).join(', ')} }`);
  judge.report.error(path, `must be one of ${forms.join(', ')}`);
}

function chosenBy([first]: readonly ValueSchema[]): string | undefined {
  return Object.entries(first?.properties ?? {}).find(([, { const: only }]) => only !== undefined)?.[0];
}

function mistakesOf(schema: ValueSchema, value: unknown): number {
  let count = 0;
  const error = () => {
    count += 1;
  };
  checkValue(schema, value, [], { report: { error, warning: () => undefined }, near: () => undefined });
  return count;
}

function checkMembers(
  { properties, required = [], additionalProperties, propertyNames }: ValueSchema,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  judge: ValueJudge,
): void {
  const { report, near } = judge;
  for (const key of required)
    if (!Object.hasOwn(value, key)) report.error(path, `has no ${key}`, `add ${key}:`);
  const names = propertyNames?.enum ?? Object.keys(properties ?? {});
  for (const [key, member] of Object.entries(value)) {
    const at = [...path, key];
    const known = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    const others = typeof additionalProperties === 'object' ? additionalProperties : undefined;
    if (known ?? others) checkValue(known ?? others ?? {}, member, at, judge);
    const isKnown = known !== undefined || (propertyNames ? names.includes(key) : !properties);
    if (isKnown || (additionalProperties !== undefined && additionalProperties !== false && !propertyNames))
      continue;
    const meant = near(key, names);
    const tell = additionalProperties === false ? report.error : report.warning;
    const hint = meant === undefined ? `known are ${names.join(', ')}` : `did you mean ${meant}?`;
    tell(at, 'is no key that this version knows here', hint);
  }
}

function complaintOf(schema: ValueSchema, value: unknown): string | undefined {
  const isOfForm = Array.isArray(schema.type)
    ? schema.type.some((type) => isOfType(type, value))
    : isOfType(schema.type, value);
  if (!isOfForm) return `must be ${formOf(schema)}`;
  const { const: only, enum: words } = schema;
  if (only !== undefined && value !== only) return `must be ${JSON.stringify(only)}`;
  if (words && !words.some((word) => word === value)) return `must be one of ${words.join(', ')}`;
  if (typeof value === 'string') return complaintOfText(schema, value);
  if (typeof value === 'number') return complaintOfNumber(schema, value);
  return Array.isArray(value) ? complaintOfList(schema, value.length) : undefined;
}

function complaintOfText({ minLength = 0, maxLength, pattern }: ValueSchema, value: string) {
  if (value.length < minLength) return 'must not be empty';
  if (maxLength !== undefined && value.length > maxLength)
    return `must be of ${maxLength} characters at most`;
  if (pattern === undefined || new RegExp(pattern).test(value)) return undefined;
  return pattern === '^https://' ? 'must be an https:// URL' : `must match ${pattern}`;
}

function complaintOfNumber({ minimum, maximum, exclusiveMinimum }: ValueSchema, value: number) {
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return `must be above ${exclusiveMinimum}`;
  if (minimum !== undefined && value < minimum) return `must be ${minimum} at least`;
  return maximum !== undefined && value > maximum ? `must be ${maximum} at most` : undefined;
}

function complaintOfList({ minItems = 0, maxItems }: ValueSchema, length: number): string | undefined {
  if (length < minItems) return `must have ${minItems} entries at least`;
  return maxItems !== undefined && length > maxItems ? `must have ${maxItems} entries at most` : undefined;
}

function isOfType(type: unknown, value: unknown): boolean {
  switch (type) {
    case undefined:
      return true;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isMap(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
}

const FORMS: Readonly<Record<string, string>> = {
  string: 'a string',
  boolean: 'true or false',
  number: 'a number',
  integer: 'a whole number',
  array: 'a list',
  object: 'a map',
  null: 'null',
};

function formOf({ type, const: only }: ValueSchema): string {
  if (only !== undefined) return JSON.stringify(only);
  const types = typeof type === 'string' ? [type] : (type ?? []);
  return listed(types.map((name) => FORMS[name] ?? name));
}

function listed(words: readonly string[]): string {
  return new Intl.ListFormat('en', { type: 'disjunction', style: 'long' }).format(new Set(words));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
