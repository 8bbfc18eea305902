import { z } from 'zod';

export type KeyShapes = Readonly<Record<string, z.ZodType>>;

/** What a schema is made of, with defaults and options looked through. */
export type SchemaKind =
  | { readonly kind: 'map'; readonly keys: KeyShapes; readonly isOpen: boolean }
  /** A map whose keys depend on the word that one of them holds. */
  | { readonly kind: 'choice'; readonly by: string; readonly branches: ReadonlyMap<string, KeyShapes> }
  | { readonly kind: 'record'; readonly value: z.ZodType }
  | { readonly kind: 'list'; readonly element: z.ZodType }
  | { readonly kind: 'leaf' };

export function kindOfSchema(schema: z.core.$ZodType): SchemaKind {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) {
    return { kind: 'map', keys: inner.shape, isOpen: inner.def.catchall instanceof z.ZodUnknown };
  }
  if (inner instanceof z.ZodDiscriminatedUnion) return choiceKind(inner);
  if (inner instanceof z.ZodRecord) return { kind: 'record', value: inner.valueType as z.ZodType };
  if (inner instanceof z.ZodArray) return { kind: 'list', element: inner.element as z.ZodType };
  return { kind: 'leaf' };
}

function choiceKind({ def, options }: z.ZodDiscriminatedUnion): SchemaKind {
  const by = def.discriminator;
  const branches = options.flatMap((option) => {
    const shape = kindOfSchema(option);
    if (shape.kind !== 'map') return [];
    const word = shape.keys[by];
    return (word ? optionsOf(word) : []).map((name) => [name, shape.keys] as const);
  });
  return { kind: 'choice', by, branches: new Map(branches) };
}

/** The shapes of the keys that a value of this schema can have, one for each form that it has. */
export function keyShapesOf(schema: z.core.$ZodType): readonly KeyShapes[] {
  const shape = kindOfSchema(schema);
  if (shape.kind === 'list') return keyShapesOf(shape.element);
  if (shape.kind === 'choice') return [...shape.branches.values()];
  return shape.kind === 'map' ? [shape.keys] : [];
}

/** Whether values of this schema must not be printed: secrets, lists of them, and what can be anything. */
export function isSecretSchema(schema: z.core.$ZodType): boolean {
  if (z.globalRegistry.get(schema)?.['secret'] === true) return true;
  const inner = unwrapped(schema);
  if (inner !== schema) return isSecretSchema(inner);
  if (inner instanceof z.ZodUnknown) return true;
  if (inner instanceof z.ZodUnion) return inner.options.some(isSecretSchema);
  if (inner instanceof z.ZodPipe) return isSecretSchema(inner.in);
  return inner instanceof z.ZodArray && isSecretSchema(inner.element);
}

/** Whether the schema says what its values are for; of an open map only such are known to be no secret. */
export function isDescribed(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.title !== undefined;
}

/** Whether nothing of this version acts on the key. */
export function isLaterKey(schema: z.core.$ZodType): boolean {
  return z.globalRegistry.get(schema)?.['isLater'] === true;
}

/** The words that a choice allows; none for other schemas. */
export function optionsOf(schema: z.core.$ZodType): readonly string[] {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodEnum ? inner.options.map(String) : [];
}

function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapper ? unwrapped(schema.unwrap()) : schema;
}
