import { type KeyShapes, kindOfSchema } from './schema-kind.ts';

/** What a map could have been: its keys by the word that chooses them, and the word that does, where it is known. */
export interface Alternatives {
  readonly by: string;
  readonly chosen: string | undefined;
  readonly branches: ReadonlyMap<string, KeyShapes>;
}

/** The words under which the map has this key. */
export function ownersOf({ branches }: Alternatives, key: string): string[] {
  return [...branches].flatMap(([word, keys]) => (Object.hasOwn(keys, key) ? [word] : []));
}

/** The keys that have one and the same schema whatever is chosen. */
export function inCommon(branches: ReadonlyMap<string, KeyShapes>): KeyShapes {
  const [first = {}, ...rest] = branches.values();
  return Object.fromEntries(
    Object.entries(first).filter(([key, schema]) => rest.every((keys) => keys[key] === schema)),
  );
}

/** What a key of the map could have been. */
export function below({ by, chosen, branches }: Alternatives, key: string): Alternatives {
  const inner = [...branches].flatMap(([word, keys]) => {
    const shape = keys[key] && kindOfSchema(keys[key]);
    return shape?.kind === 'map' ? [[word, shape.keys] as const] : [];
  });
  return { by, chosen, branches: new Map(inner) };
}
