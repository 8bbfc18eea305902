// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax of gateway.yaml
import type { z } from 'zod';
import { nearest, plain } from './nearest.ts';
import { keyShapesOf } from './schema-kind.ts';
import type { Path } from './source-problem.ts';

type Spot = readonly string[];

/** Keys that people write for another one, by where they write them; `*` is anywhere. */
const otherNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '*': {
    '<<': 'merge keys (<<) are not part of YAML 1.2; repeat the keys, or give the whole value an alias',
    redirecturi: 'the redirect URI is built from listen.public_url: <public_url>/oauth/callback',
    redirecturl: 'the redirect URI is built from listen.public_url: <public_url>/oauth/callback',
    callbackurl: 'the redirect URI is built from listen.public_url: <public_url>/oauth/callback',
    loglevel: 'the level of the log is the environment variable CLAUDE_GATEWAY_LOG_LEVEL',
  },
  '': {
    database: 'the database is store.postgres_url',
    databaseurl: 'the database is store.postgres_url',
    db: 'the database is store.postgres_url',
    postgres: 'the database is store.postgres_url',
    server: 'the listener is the section listen',
    http: 'the listener is the section listen',
    providers: 'providers of models are listed in upstreams',
    auth: 'the identity provider is the section oidc',
    idp: 'the identity provider is the section oidc',
    sso: 'the identity provider is the section oidc',
    tls: 'TLS is listen.tls',
  },
  listen: { address: 'did you mean host?', bind: 'did you mean host?', url: 'did you mean public_url?' },
  oidc: {
    secret: 'did you mean client_secret?',
    id: 'did you mean client_id?',
    clientsecretfile: 'write client_secret: ${file:/path}',
    issuerurl: 'did you mean issuer?',
    url: 'did you mean issuer?',
  },
  session: {
    secret: 'did you mean jwt_secret?',
    jwtsecrets: 'did you mean jwt_secret? It takes one secret or a list',
    jwtsecretfile: 'write jwt_secret: ${file:/path}',
  },
  store: {
    url: 'did you mean postgres_url?',
    databaseurl: 'did you mean postgres_url?',
    dsn: 'did you mean postgres_url?',
    path: 'did you mean embedded?',
    dir: 'did you mean embedded?',
  },
  upstreams: {
    type: 'did you mean provider?',
    kind: 'did you mean provider?',
    url: 'did you mean base_url?',
    endpoint: 'did you mean base_url?',
    token: 'did you mean auth.oauth_token?',
    key: 'did you mean auth.api_key?',
  },
  policies: { models: 'the allow-list is cli.availableModels', desktopsettings: 'did you mean desktop?' },
  log: { level: 'the level of the log is the environment variable CLAUDE_GATEWAY_LOG_LEVEL' },
};

/** What to do about a key that the schema does not have: the one that was meant, or where it belongs. `siblings` may stand there. */
export function createUnknownKeyAdvice(
  schema: z.ZodType,
): (path: Path, siblings: readonly string[]) => string {
  // Most files have none.
  let spots: readonly Spot[] | undefined;
  return (path, siblings) => {
    const key = String(path.at(-1));
    const parent = path
      .slice(0, -1)
      .map(String)
      .filter((step) => !/^\d+$/.test(step));
    const spelling = siblings.find((sibling) => plain(sibling) === plain(key));
    if (spelling !== undefined && plain(key) !== '') return `did you mean ${spelling}?`;
    const known = otherNames[parent.at(-1) ?? ''] ?? {};
    const other = otherName(known, key) ?? otherName(otherNames['*'] ?? {}, key);
    if (other !== undefined) return other;
    spots ??= spotsOf(schema);
    const elsewhere = nearestSpot(spots, parent, key);
    const near = nearest(key, siblings);
    // A key of another section is more likely a slip of the pen here, where there is one like it.
    if (elsewhere && (elsewhere.common > 0 || near === undefined))
      return `${key} belongs elsewhere: ${elsewhere.spot.join('.')}`;
    return near === undefined ? `possible here: ${siblings.join(', ')}` : `did you mean ${near}?`;
  };
}

function otherName(names: Readonly<Record<string, string>>, key: string): string | undefined {
  const name = key === '<<' ? key : plain(key);
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

/** Of the places with a key of that name the one with the most of the path in common. */
function nearestSpot(
  spots: readonly Spot[],
  parent: Spot,
  key: string,
): { readonly spot: Spot; readonly common: number } | undefined {
  const wanted = plain(key);
  if (wanted === '') return undefined;
  let best: { readonly spot: Spot; readonly common: number } | undefined;
  for (const spot of spots) {
    if (plain(spot.at(-1) ?? '') !== wanted) continue;
    const common = spot.findIndex((step, index) => step !== parent[index]);
    if (common > (best?.common ?? -1)) best = { spot, common };
  }
  return best;
}

/** Every key that the schema knows, as the steps that lead there; lists add no step. */
function spotsOf(schema: z.ZodType, at: Spot = []): Spot[] {
  return keyShapesOf(schema).flatMap((keys) =>
    Object.entries(keys).flatMap(([key, inner]) => [[...at, key], ...spotsOf(inner, [...at, key])]),
  );
}
