import { text } from '../fields.ts';
import type { Report } from '../report.ts';
import type { Path } from '../source-problem.ts';

/** A part of a host name: what is filled in there must not be able to change where the host name ends. */
export function hostPart(expected: string) {
  return text(expected).refine((value) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(value), {
    error: `must be ${expected}`,
    abort: true,
  });
}

export function regionKey(example: string, description: string) {
  return hostPart(`a region like ${example}`)
    .optional()
    .meta({ title: 'Region', description, examples: [example] });
}

/** `eu-west-1` of `bedrock-runtime.eu-west-1.amazonaws.com`, also behind a VPC endpoint. */
export function awsRegionIn(baseUrl: string | undefined): string | undefined {
  const labels = baseUrl === undefined ? [] : new URL(baseUrl).hostname.split('.');
  return labels.find((label) => /^[a-z]{2}(?:-[a-z]+){1,2}-\d$/.test(label));
}

/** `derived`: the region that base_url names. */
export function checkRegion(
  upstream: Path,
  derived: string | undefined,
  example: string,
  report: Report,
): void {
  if (report.has([...upstream, 'region']) || derived !== undefined) return;
  const hasAddress = report.has([...upstream, 'base_url']);
  report.error(
    [...upstream, 'region'],
    hasAddress ? 'is required: base_url does not name a region' : 'is required',
    `add region: ${example}`,
  );
}

/** The location of Google's own endpoints, private ones too. */
export function vertexRegionIn(baseUrl: string | undefined): string | undefined {
  const host = baseUrl === undefined ? '' : new URL(baseUrl).hostname;
  if (host === 'aiplatform.googleapis.com') return 'global';
  const multi = /^aiplatform\.(us|eu)\.rep\.googleapis\.com$/.exec(host);
  return (multi ?? /^([a-z]+-[a-z]+\d+)-aiplatform(?:\.p)?\.googleapis\.com$/.exec(host))?.[1];
}

interface Located {
  readonly provider: string;
  readonly region?: string | undefined;
  readonly base_url?: string | undefined;
}

/** The region that an upstream is in, written out or named by its address; undefined for what is in none. */
export function regionOf({ provider, region, base_url: baseUrl }: Located): string | undefined {
  return region ?? (provider === 'vertex' ? vertexRegionIn : awsRegionIn)(baseUrl);
}
