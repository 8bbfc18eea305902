import {
  type Description,
  type Facts,
  type OAuthDescription,
  oauthErrors,
  requestErrors,
} from '../errors.ts';
import { CLIENT_LEFT_STATUS } from '../exchange.ts';
import { code, table } from './markdown.ts';

/** What the gateway itself answers on Messages endpoints, by status, from the table that the answers are made from. */
export function requestErrorTable(): string {
  const told = Object.values(requestErrors)
    // Nobody is left to receive the answer to a client that has left.
    .filter(({ status }) => status !== CLIENT_LEFT_STATUS)
    .toSorted((a, b) => a.status - b.status);
  return table(['status', 'error type', 'message', 'headers'], told.map(requestRow));
}

/** The same for the sign-in endpoints. */
export function oauthErrorTable(): string {
  const told = Object.values(oauthErrors).toSorted((a, b) => a.status - b.status);
  return table(['status', 'error', 'description', 'headers'], told.map(oauthRow));
}

function requestRow({ status, type, sentence, headers }: Description): readonly string[] {
  return [String(status), code(type), worded(sentence), headerNames(headers)];
}

function oauthRow({ status, error, description, headers }: OAuthDescription): readonly string[] {
  return [String(status), code(error), worded(description), headerNames(headers)];
}

/** The sentence with placeholders for facts, and its own default where a fact would replace all of it. */
function worded(sentence: Description['sentence']): string {
  return code(typeof sentence === 'string' ? sentence : sentence(placeholders));
}

function headerNames(headers: Description['headers']): string {
  const lines = Object.entries(headers?.(placeholders) ?? {}).map(([name, value]) =>
    code(`${name}: ${value}`),
  );
  return lines.join(', ');
}

const placeholders: Facts = new Proxy<Record<string, string>>(
  {},
  { get: (_, name) => (name === 'sentence' ? undefined : `<${words(String(name))}>`) },
);

/** `maxBytes` as `max bytes`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
