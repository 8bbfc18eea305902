import { canonicalJson } from './canonical-json.ts';

/** Plain JSON by key: a settings document, a `desktop` block, or a part of one. */
export type Document = Readonly<Record<string, unknown>>;

/** What a policy brings: its settings document and, where Claude Desktop gets one, its `desktop` block. */
export interface PolicyDocuments {
  readonly settings: Document;
  readonly desktop: Document | undefined;
}

/** What becomes of a key that the policy sets; `base` is undefined where only the policy does. */
type Rule = (base: unknown, own: unknown) => unknown;
type Rules = Readonly<Record<string, Rule>>;

const replace: Rule = (_base, own) => own;

/** Base first, without what is there already. Nothing of the base is lost, whatever the policy says. */
const union: Rule = (base, own) => {
  if (!Array.isArray(own)) return base ?? own;
  const below: readonly unknown[] = Array.isArray(base) ? base : [];
  const entries = new Map([...below, ...own].map((entry) => [canonicalJson(entry), entry]));
  return [...entries.values()];
};

/** Key by key: by a rule of the key's own, otherwise by `other`. */
const within =
  (rules: Rules, other: Rule = replace): Rule =>
  (base, own) =>
    isDocument(own) ? merged(isDocument(base) ? base : {}, own, rules, other) : own;

/** What the base asks for or forbids stays so. */
const stricter: Rule = (base, own) => (base === undefined || base === 'allow' ? own : base);

/** Both names of one key; a client goes by the second where both are there. */
const TWINS: readonly (readonly [string, string])[] = [
  ['additionalMarketplaces', 'extraKnownMarketplaces'],
  ['allowedMarketplaces', 'strictKnownMarketplaces'],
];

/** Every key that is not here has the policy's value where it sets the key, otherwise the base's. */
const settingsRules: Rules = {
  permissions: within({ allow: replace, deny: union, ask: union }),
  hooks: within({}, union),
  disabledMcpjsonServers: union,
  deniedMcpServers: union,
  blockedMarketplaces: union,
  env: within({}),
  modelOverrides: within({}),
  skillOverrides: within({}),
};

const desktopRules: Rules = {
  disabledBuiltinTools: union,
  builtinToolPolicy: within({}, stricter),
};

/** A policy's documents merged onto the base's. Pure, and the order of keys never matters. */
export function mergeDocuments(base: PolicyDocuments, own: PolicyDocuments): PolicyDocuments {
  return {
    settings: mergeSettings(base.settings, own.settings),
    desktop:
      base.desktop && own.desktop ? mergeDesktop(base.desktop, own.desktop) : (own.desktop ?? base.desktop),
  };
}

export function mergeSettings(base: Document, own: Document): Document {
  return merged(withoutTwins(base, own), own, settingsRules, replace);
}

export function mergeDesktop(base: Document, own: Document): Document {
  return merged(base, own, desktopRules, replace);
}

function merged(base: Document, own: Document, rules: Rules, other: Rule): Document {
  const members = Object.entries(own).map(([key, value]) => {
    const rule = Object.hasOwn(rules, key) ? (rules[key] ?? other) : other;
    return [key, rule(Object.hasOwn(base, key) ? base[key] : undefined, value)] as const;
  });
  return Object.fromEntries([...Object.entries(base), ...members]);
}

/** What the policy says under one name is not overruled by what the base says under the other. */
function withoutTwins(base: Document, own: Document): Document {
  const overruled = TWINS.flatMap(([one, other]) => [
    ...(Object.hasOwn(own, one) ? [other] : []),
    ...(Object.hasOwn(own, other) ? [one] : []),
  ]);
  if (!overruled.some((key) => Object.hasOwn(base, key))) return base;
  return Object.fromEntries(Object.entries(base).filter(([key]) => !overruled.includes(key)));
}

export function isDocument(value: unknown): value is Document {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
