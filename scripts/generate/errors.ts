import {
  type Description,
  type Facts,
  type OAuthDescription,
  oauthErrors,
  requestErrors,
} from '../../src/gateway/errors.ts';
import { code, generatedFrom, table } from './markdown.ts';

/** `docs/errors.md`: what the gateway itself answers with, from the tables that the answers are made from. */
export function errorsPage(): string {
  const requests = Object.values(requestErrors)
    // Nobody is left to receive the answer to a client that has left.
    .filter(({ status }) => status !== 499)
    .toSorted((a, b) => a.status - b.status);
  const oauth = Object.values(oauthErrors).toSorted((a, b) => a.status - b.status);
  return `${generatedFrom('src/gateway/errors.ts')}

# Errors

What the gateway itself answers with. A part in angle brackets stands for what the request was about; some endpoints say more
precisely what was wrong in the same place. An error that an upstream answered with is passed on in the upstream's own words.

## Messages endpoints

\`\`\`json
{ "type": "error", "error": { "type": "invalid_request_error", "message": "model is required" }, "request_id": "…" }
\`\`\`

The request id is in the \`request-id\` header and in the audit log as well.

${table(['status', 'error type', 'message', 'headers'], requests.map(requestRow))}

## Sign-in endpoints

\`\`\`json
{ "error": "authorization_pending", "error_description": "the sign-in has not been finished in the browser yet" }
\`\`\`

${table(['status', 'error', 'description', 'headers'], oauth.map(oauthRow))}

A refresh that is refused because the session is over answers \`invalid_grant\` with status 401. What the first table lists can happen here
too, in this envelope: as \`temporarily_unavailable\` for 503, \`server_error\` for the other 5xx, \`invalid_request\` for the rest.
`;
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
