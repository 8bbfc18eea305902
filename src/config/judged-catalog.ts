import type { z } from 'zod';
import type { modelsShape } from './models.ts';
import type { Valid } from './read-shape.ts';
import { regionOf } from './upstreams/region.ts';
import type { upstreamsShape } from './upstreams/upstreams.ts';

type Upstreams = z.output<typeof upstreamsShape>;

/** What decides which models there are, as far as it is valid. */
export interface JudgedCatalog {
  readonly models: readonly {
    readonly id: string;
    /** Ids by upstream. */
    readonly upstreamModel: Readonly<Record<string, string>>;
  }[];
  /** Undefined when not all of them are known: then nothing is said about who serves what. */
  readonly upstreams:
    | readonly {
        readonly name: string;
        readonly provider: Upstreams[number]['provider'];
        readonly region: string | undefined;
        readonly models: readonly string[] | undefined;
      }[]
    | undefined;
  readonly includesBuiltin: boolean;
}

/** Undefined where it is not known which models there are. */
export function judgedCatalog(
  models: Valid<z.output<typeof modelsShape>> | undefined,
  includesBuiltin: boolean | undefined,
  upstreams: Valid<Upstreams> | undefined,
): JudgedCatalog | undefined {
  if (includesBuiltin === undefined || !models) return undefined;
  const known = models.flatMap((model) => {
    if (model?.id === undefined) return [];
    const ids = Object.entries(model.upstream_model ?? {}).flatMap(([name, id]) =>
      id === undefined ? [] : [[name, id] as const],
    );
    return [{ id: model.id, upstreamModel: Object.fromEntries(ids) }];
  });
  if (known.length !== models.length) return undefined;
  return { models: known, upstreams: knownUpstreams(upstreams), includesBuiltin };
}

function knownUpstreams(upstreams: Valid<Upstreams> | undefined): JudgedCatalog['upstreams'] {
  const known = upstreams?.flatMap((upstream) => {
    const { name, provider, models } = upstream ?? {};
    if (!upstream || name === undefined || provider === undefined) return [];
    const patterns = models?.filter((pattern) => pattern !== undefined);
    if (patterns?.length !== models?.length) return [];
    return [{ name, provider, region: regionOf({ ...upstream, provider }), models: patterns }];
  });
  return known?.length === upstreams?.length ? known : undefined;
}
