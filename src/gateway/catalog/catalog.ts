import { bareName, withoutMark } from '../../kernel/model-name.ts';
import type { CatalogModel } from '../exchange.ts';
import { type BuiltinModel, type BuiltinModels, spellingsOf } from './builtin-models.ts';
import { defaultUpstreamId, type ModelProvider, speaksClientNames } from './provider-ids.ts';

export interface CatalogUpstream {
  readonly name: string;
  readonly provider: ModelProvider;
  readonly region: string | undefined;
  /** Client models it takes, each with at most one `*`; undefined: all. */
  readonly models: readonly string[] | undefined;
}

export interface ConfiguredModel {
  readonly id: string;
  readonly label: string | undefined;
  readonly description: string | undefined;
  readonly upstreamModel: Readonly<Record<string, string>>;
}

export interface CatalogOptions {
  readonly upstreams: readonly CatalogUpstream[];
  readonly models: readonly ConfiguredModel[];
  readonly includesBuiltin: boolean;
  /** Send ids that are in no catalog to upstreams that take the client's names. */
  readonly forwardsUnknown: boolean;
}

interface Names {
  readonly id: string;
  readonly family: string | undefined;
  /** The id and all other spellings, lower case. */
  readonly spellings: readonly string[];
}

/** A model with all its names; `policy` decides on them. */
export interface NamedModel extends CatalogModel, Names {
  /** The built-in models that its id is mapped to, or that a client's own name comes close to. */
  readonly servedAs: readonly Names[];
  /** The names it is sent under that are no built-in model's. */
  readonly unlistedNames: readonly string[];
  /** In no catalog: the id is what a client made up. */
  readonly isUnknown: boolean;
}

export interface Catalog {
  /** The model a client means, in any spelling; `[1m]` counts for nothing. */
  resolve(clientModel: string): NamedModel | undefined;
  list(): readonly NamedModel[];
}

/** Longer names are a model's only where the operator has written them down: clients make up ARNs of any length. */
const LONGEST_NAME = 200;
/** The release date of a model that the data does not give (the Messages API's own convention). */
const UNKNOWN_DATE = '1970-01-01T00:00:00Z';

/** What models exist here and what each upstream calls them. Built-in ones can be renamed or mapped by `models[]`. */
export function createCatalog(options: CatalogOptions, builtin: BuiltinModels): Catalog {
  const configured = new Map(options.models.map((model) => [withoutMark(model.id).toLowerCase(), model]));
  const arnsOf = (own: ConfiguredModel) => opaqueArns(own, builtin);
  const byArn = mappedArns(options.models, arnsOf);
  const configuredFor = (model: BuiltinModel): ConfiguredModel | undefined =>
    spellingsOf(model)
      .map((spelling) => configured.get(spelling.toLowerCase()))
      .find((found) => found !== undefined);

  const idFor = (
    upstream: CatalogUpstream,
    clientModel: string,
    model: BuiltinModel | undefined,
    own: ConfiguredModel | undefined,
  ) => {
    if (upstream.models && !isTaken(upstream.models, clientModel, model)) return undefined;
    const mapped = own?.upstreamModel[upstream.name];
    if (mapped !== undefined) return withoutMark(mapped);
    if (!model) return undefined;
    const fallback = defaultUpstreamId(upstream.provider, model, upstream.region);
    // A name that the upstream knows goes along as the client wrote it.
    const isNative =
      speaksClientNames(upstream.provider) &&
      [model.id, ...model.aliases, ...model.snapshots].includes(clientModel);
    return fallback !== undefined && isNative ? clientModel : fallback;
  };

  const named = (
    clientModel: string,
    model: BuiltinModel | undefined,
    own: ConfiguredModel | undefined,
  ): NamedModel => {
    const ids = new Map(
      options.upstreams.map((upstream) => [upstream.name, idFor(upstream, clientModel, model, own)]),
    );
    const id = own ? withoutMark(own.id) : (model?.id ?? clientModel);
    const all = [id, ...(model ? spellingsOf(model) : []), ...(own ? arnsOf(own) : [])];
    const spellings = all.map((spelling) => spelling.toLowerCase());
    return {
      id,
      displayName: own?.label ?? model?.displayName ?? id,
      description: own?.description,
      createdAt: dateOf(model),
      maxInputTokens: model?.maxInputTokens ?? null,
      maxOutputTokens: model?.maxOutputTokens ?? null,
      family: model?.family,
      spellings: [...new Set(spellings)],
      ...behind(own ? Object.values(own.upstreamModel) : [], builtin),
      isUnknown: false,
      upstreamId: (upstreamName) => ids.get(upstreamName),
    };
  };

  const unknown = (clientModel: string): NamedModel | undefined => {
    if (!options.forwardsUnknown || clientModel === '') return undefined;
    const takers = new Set(
      options.upstreams
        .filter(
          ({ provider, models }) =>
            speaksClientNames(provider) && (!models || isTaken(models, clientModel, undefined)),
        )
        .map(({ name }) => name),
    );
    const model = named(clientModel, undefined, undefined);
    const upstreamId = (upstreamName: string) => (takers.has(upstreamName) ? clientModel : undefined);
    return { ...model, ...behind([clientModel], builtin), isUnknown: true, upstreamId };
  };

  const listed = [
    ...(options.includesBuiltin ? builtin.models : []).map((model) =>
      named(model.id, model, configuredFor(model)),
    ),
    ...options.models
      .filter(({ id }) => !options.includesBuiltin || !builtin.find(withoutMark(id)))
      .map((own) => named(withoutMark(own.id), builtin.find(withoutMark(own.id)), own)),
  ].filter((model) => options.upstreams.some(({ name }) => model.upstreamId(name) !== undefined));

  return {
    list: () => listed,
    resolve(clientModel) {
      const wanted = withoutMark(clientModel);
      const mapped = byArn.get(wanted.toLowerCase());
      if (mapped) return named(withoutMark(mapped.id), builtin.find(withoutMark(mapped.id)), mapped);
      const own = configured.get(wanted.toLowerCase());
      if (!own && wanted.length > LONGEST_NAME) return undefined;
      const model = builtin.find(wanted);
      if (own) return named(wanted, model, own);
      if (model && options.includesBuiltin) return named(wanted, model, configuredFor(model));
      const related = model && configuredFor(model);
      return related ? named(wanted, model, related) : unknown(wanted);
    },
  };
}

/** What upstreams are asked for by these names, as far as it is known. */
function behind(
  names: readonly string[],
  builtin: BuiltinModels,
): Pick<NamedModel, 'servedAs' | 'unlistedNames'> {
  const found = names.map((name) => ({ name, model: builtin.find(bareName(name)) }));
  return {
    servedAs: found.flatMap(({ model }) => {
      if (!model) return [];
      return [{ ...model, spellings: spellingsOf(model).map((spelling) => spelling.toLowerCase()) }];
    }),
    unlistedNames: found.flatMap(({ name, model }) => (model ? [] : [name])),
  };
}

/** What an application inference profile serves is known from the `models[]` that maps to it, where it is one. */
function mappedArns(
  models: readonly ConfiguredModel[],
  arnsOf: (model: ConfiguredModel) => readonly string[],
): ReadonlyMap<string, ConfiguredModel> {
  const owners = Map.groupBy(
    models.flatMap((model) => [...new Set(arnsOf(model))].map((arn) => ({ arn, model }))),
    ({ arn }) => arn,
  );
  return new Map(
    [...owners].flatMap(([arn, [only, ...others]]) =>
      only && others.length === 0 ? [[arn, only.model]] : [],
    ),
  );
}

/** The ARNs, in lower case, that a model is mapped to and that do not name it themselves. */
function opaqueArns({ upstreamModel }: ConfiguredModel, builtin: BuiltinModels): string[] {
  const mapped = Object.values(upstreamModel).map((id) => withoutMark(id).toLowerCase());
  return mapped.filter((id) => id.startsWith('arn:') && builtin.find(id) === undefined);
}

/** Whether an upstream's `models` takes this model, by the client's name or any other. */
function isTaken(patterns: readonly string[], clientModel: string, model: BuiltinModel | undefined): boolean {
  const names = [clientModel, ...(model ? spellingsOf(model) : [])].map((name) => name.toLowerCase());
  return patterns.some((pattern) => {
    const [head = '', tail] = withoutMark(pattern).toLowerCase().split('*');
    return names.some((name) =>
      tail === undefined
        ? name === head
        : name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail),
    );
  });
}

function dateOf(model: BuiltinModel | undefined): string {
  const digits = /(\d{4})(\d{2})(\d{2})$/.exec(model?.snapshots[0] ?? '');
  return digits ? `${digits[1]}-${digits[2]}-${digits[3]}T00:00:00Z` : UNKNOWN_DATE;
}
