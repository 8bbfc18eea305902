import { bareName, withoutMark } from '../../kernel/model-name.ts';
import type { Document } from './documents.ts';

/** What a policy says about models. `availableModels` absent: all of the catalog; empty: none. */
export interface ModelRules {
  readonly availableModels: readonly string[] | undefined;
  /** `exact`: entries of `availableModels` count as full ids only. */
  readonly availableModelsMatch: string | undefined;
  readonly deniedModels: readonly string[] | undefined;
}

/** A model by all its names, lower case. */
export interface NamedAlike {
  readonly id: string;
  readonly family: string | undefined;
  readonly spellings: readonly string[];
}

/** What is denied is denied under every name: a model is judged by what it really is, too. */
export interface JudgedModel extends NamedAlike {
  /** Built-in models that upstreams serve it as. */
  readonly servedAs: readonly NamedAlike[];
  /** Names it is sent under that no catalog knows: mapped ones, or what a client made up. */
  readonly unlistedNames: readonly string[];
}

/** The id of the catalog's model that an entry spells in full: alias, dated id, a cloud's id, profile or ARN. */
export type IdOf = (entry: string) => string | undefined;

/** What a settings document says about models. A list that is none allows nothing. */
export function modelRulesOf(settings: Document): ModelRules {
  const { availableModels, availableModelsMatch, deniedModels } = settings;
  return {
    availableModels: listOf(availableModels),
    availableModelsMatch: typeof availableModelsMatch === 'string' ? availableModelsMatch : undefined,
    deniedModels: listOf(deniedModels),
  };
}

function listOf(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

/** Whether the rules allow a model. Denials are applied last, and never only by full ids: `opus` denies every Opus. */
export function isAllowed(model: JudgedModel, rules: ModelRules, idOf: IdOf): boolean {
  const { availableModels, availableModelsMatch, deniedModels } = rules;
  const names = availableModelsMatch === 'exact' ? namesInFull : namesSomehow;
  if (availableModels && !availableModels.some((entry) => names(entry, model, idOf))) return false;
  const isDenied = (entry: string) =>
    [model, ...model.servedAs].some((known) => namesSomehow(entry, known, idOf)) ||
    model.unlistedNames.some((name) => occursIn(entry, name));
  return !deniedModels?.some(isDenied);
}

/** Of an unknown name this much can be told: `opus` and `opus-4-9` occur in `us.anthropic.claude-opus-4-9-v1:0`. */
function occursIn(entry: string, name: string): boolean {
  const wanted = wordsOf(bareName(entry)).replace(/^claude(?:-|$)/, '');
  return wanted !== '' && `-${wordsOf(name.toLowerCase())}-`.includes(`-${wanted}-`);
}

/** `claude-opus-4-9`: one hyphen between two words, whatever stood there. */
function wordsOf(name: string): string {
  return name.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
}

/** A full id in any spelling. */
function namesInFull(entry: string, { id, spellings }: NamedAlike, idOf: IdOf): boolean {
  const wanted = normal(entry);
  return wanted !== '' && (spellings.includes(wanted) || idOf(wanted) === id);
}

/** A full id, a family (`opus`), or a version prefix with or without `claude-` (`opus-4-8`). */
function namesSomehow(entry: string, model: NamedAlike, idOf: IdOf): boolean {
  if (namesInFull(entry, model, idOf)) return true;
  const wanted = normal(entry).replace(/^claude-/, '');
  // `claude` alone is neither a family nor a version.
  if (wanted === '' || wanted === 'claude') return false;
  const { family, spellings } = model;
  return (
    wanted === family || spellings.some((spelling) => extendsAt(spelling.replace(/^claude-/, ''), wanted))
  );
}

/** `opus-4-8-20260101` extends `opus-4-8`; `opus-4-80` does not. */
function extendsAt(spelling: string, prefix: string): boolean {
  if (!spelling.startsWith(prefix)) return false;
  const next = spelling[prefix.length];
  return next === undefined || next === '-' || next === '@';
}

function normal(entry: string): string {
  return withoutMark(entry.trim()).toLowerCase();
}
