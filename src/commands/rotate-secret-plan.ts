import {
  addFirst,
  findSigningSecrets,
  keepFirst,
  nextReference,
  type Reference,
  referenceOf,
  type SecretEntry,
  textOf,
} from '../config/rotate.ts';

export type Step = 'add' | 'finish' | 'now';

/** What a step makes of the file's text. */
export interface Change {
  readonly step: Step;
  readonly before: string;
  readonly after: string;
  /** The new secret, where it stands, and beside what. */
  readonly added:
    | { readonly value: string; readonly reference: Reference; readonly beside: Reference }
    | undefined;
  /** Entries that verify from now on no longer. */
  readonly removed: readonly Reference[];
}

export interface PlanInputs {
  readonly nowMs: number;
  readonly newSecret: () => string;
  /** Whether a file path or a variable's name is in use. */
  readonly isTaken: (name: string) => boolean;
}

/** Throws CodedError `config_invalid` when the text has no signing secrets. */
export function planChange(step: Step, before: string, { nowMs, newSecret, isTaken }: PlanInputs): Change {
  const { entries } = findSigningSecrets(before);
  const references = entries.map(({ value }) => referenceOf(value));
  if (step === 'finish') {
    return { step, before, after: keepFirst(before), added: undefined, removed: references.slice(1) };
  }
  const beside = referenceOf(entries[0].value);
  const reference = nextReference(beside, nowMs, (name) => isTaken(name) || isNamed(entries, name));
  const value = newSecret();
  const longer = addFirst(before, reference.kind === 'plain' ? value : textOf(reference), nowMs);
  const added = { value, reference, beside };
  return step === 'now'
    ? { step, before, after: keepFirst(longer), added, removed: references }
    : { step, before, after: longer, added, removed: [] };
}

function isNamed(entries: readonly SecretEntry[], name: string): boolean {
  return entries.some(({ value }) => value.includes(`{${name}}`) || value.includes(`:${name}}`));
}
