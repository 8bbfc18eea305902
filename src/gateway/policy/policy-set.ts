import type { Caller } from '../exchange.ts';
import { type Authorisation, createAuthorisation } from './authorise.ts';
import type { DesktopAnswer } from './desktop-bootstrap.ts';
import { type DesktopOptions, desktopDocument } from './desktop-document.ts';
import { type ServedSettings, type SettingsPush, servedSettings } from './served-settings.ts';
import { createViews, type JudgedCatalog, type Policy, rememberedIds, type View } from './views.ts';

export interface PolicySetParts {
  readonly policies: readonly Policy[];
  readonly catalog: JudgedCatalog;
  readonly push: SettingsPush;
  readonly desktop: DesktopOptions;
}

/** All that the policies of one configuration decide. A changed configuration makes another one. */
export interface PolicySet extends Authorisation {
  /** Undefined when no policy matches and nothing is pushed. */
  settingsOf(caller: Caller): ServedSettings | undefined;
  desktopOf(caller: Caller): DesktopAnswer;
}

/** Documents are merged, written out and summed up once for each policy that can be selected. */
export function createPolicySet({ policies, catalog, push, desktop }: PolicySetParts): PolicySet {
  const idOf = rememberedIds(catalog);
  const viewOf = createViews({ policies, catalog, idOf });
  const settings = oncePerView((view) => servedSettings(view.documents?.settings, push));
  const isConfigured = policies.some(({ documents }) => documents.desktop !== undefined);
  const answers = oncePerView((view) => desktopAnswer(view, isConfigured, desktop));
  return {
    ...createAuthorisation({ viewOf, catalog, idOf }),
    settingsOf: (caller) => settings(viewOf(caller)),
    desktopOf: (caller) => answers(viewOf(caller)),
  };
}

function desktopAnswer(
  { documents, allowed }: View,
  isConfigured: boolean,
  options: DesktopOptions,
): DesktopAnswer {
  if (!isConfigured) return { kind: 'denied', reason: 'not_configured' };
  if (!documents) return { kind: 'denied', reason: 'no_policy_matched' };
  if (!documents.desktop) return { kind: 'denied', reason: 'policy_not_opted_in' };
  return {
    kind: 'document',
    json: JSON.stringify(desktopDocument(documents, allowed, options)),
    namesPerson: options.forwardsTelemetry && !Object.hasOwn(documents.desktop, 'otlpResourceAttributes'),
  };
}

function oncePerView<T>(make: (view: View) => T): (view: View) => T {
  const made = new Map<View, { readonly value: T }>();
  return (view) => {
    const known = made.get(view) ?? { value: make(view) };
    made.set(view, known);
    return known.value;
  };
}
