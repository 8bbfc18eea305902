import type { CatalogEntry } from './problems.ts';

type Classes = NonNullable<CatalogEntry['prices']['standard']>;

/** Of the price of input, by the pricing page. */
const CACHE_WRITE_5M = 1.25;
const CACHE_WRITE_1H = 2;
const BATCH = 0.5;
const FAST = 2;
const CACHE_READ = 0.1;
/** Models that read the cache for less, by their own pages. */
const CACHE_READ_OF: Readonly<Record<string, number>> = {
  'claude-fable-5-1': 0.025,
  'claude-mythos-5-1': 0.025,
  'claude-opus-5-5': 0.05,
  'claude-sonnet-5-5': 0.05,
  'claude-fable-5-2': 0.025,
  'claude-mythos-5-2': 0.025,
};
const UNPUBLISHED = /^none published/;

/** A price for every class of tokens, in the proportions that hold for all models, each kind with its source. */
export function priceProblems({ id, prices, source }: CatalogEntry): string[] {
  const { standard, batch, fast, prompt_size_tiers: tiers } = prices;
  if (!standard) return unpricedProblems(id, prices, source);
  const wrong = (what: string, isWrong: boolean) => (isWrong ? [`${id}: ${what}`] : []);
  return [
    ...wrong('has prices whose source says that there are none', UNPUBLISHED.test(source.prices)),
    ...proportions(id, 'standard', standard),
    ...(fast ? proportions(id, 'fast', fast) : []),
    ...(tiers ?? []).flatMap((tier, index) => proportions(id, `prompt_size_tiers.${index}`, tier)),
    ...wrong('has no batch prices', !batch),
    ...wrong('has batch prices that are not half', batch !== null && !isTimes(batch, standard, BATCH)),
    ...wrong('has fast prices that are not double', fast !== null && !isTimes(fast, standard, FAST)),
    ...wrong('has batch prices without a source', batch !== null && source['batch'] === undefined),
    ...wrong('has fast prices without a source', fast !== null && source['fast'] === undefined),
    ...(tiers ? tierProblems(id, tiers, standard) : []),
  ];
}

function unpricedProblems(
  id: string,
  { batch, fast, prompt_size_tiers: tiers }: CatalogEntry['prices'],
  source: CatalogEntry['source'],
): string[] {
  return [
    ...(UNPUBLISHED.test(source.prices) ? [] : [`${id}: has no prices, and its source does not say so`]),
    ...(batch || fast || tiers ? [`${id}: has other prices without the standard ones`] : []),
  ];
}

function proportions(id: string, kind: string, prices: Classes): string[] {
  const { input } = prices;
  const wanted = {
    cache_write_5m: input * CACHE_WRITE_5M,
    cache_write_1h: input * CACHE_WRITE_1H,
    cache_read: input * (CACHE_READ_OF[id] ?? CACHE_READ),
  };
  return (['cache_write_5m', 'cache_write_1h', 'cache_read'] as const).flatMap((name) =>
    isSame(prices[name], wanted[name])
      ? []
      : [`${id}: ${kind}.${name} is ${prices[name]}, and ${round(wanted[name])} by its input`],
  );
}

/** The tiers follow one another without a gap, and the first one is the standard price. */
function tierProblems(
  id: string,
  tiers: NonNullable<CatalogEntry['prices']['prompt_size_tiers']>,
  standard: Classes,
): string[] {
  const isStandard = tiers[0] !== undefined && isTimes(tiers[0], standard, 1);
  const follows = tiers.every((tier, index) => {
    const before = tiers[index - 1]?.max_prompt_tokens;
    const isLast = index === tiers.length - 1;
    return tier.min_prompt_tokens_exclusive === before && (tier.max_prompt_tokens === undefined) === isLast;
  });
  return [
    ...(isStandard ? [] : [`${id}: its first tier is not the standard price`]),
    ...(follows ? [] : [`${id}: its tiers do not follow one another`]),
  ];
}

function isTimes(prices: Partial<Classes>, standard: Classes, factor: number): boolean {
  const names = ['input', 'output', 'cache_write_5m', 'cache_write_1h', 'cache_read'] as const;
  return names.every((name) => prices[name] === undefined || isSame(prices[name], standard[name] * factor));
}

function isSame(left: number, right: number): boolean {
  return Math.abs(left - right) < 1e-9;
}

function round(price: number): number {
  return Number(price.toFixed(6));
}
