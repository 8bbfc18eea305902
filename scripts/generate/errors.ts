import { oauthErrorTable, requestErrorTable } from '../../src/gateway/protocol/error-rows.ts';
import { generatedFrom } from './markdown.ts';

/** `docs/errors.md`: what the gateway itself answers with, from the tables that the answers are made from. */
export function errorsPage(): string {
  return `${generatedFrom('src/gateway/errors.ts')}

# Errors

What the gateway itself answers with. A part in angle brackets stands for what the request was about; some endpoints say more
precisely what was wrong in the same place. An error that an upstream answered with is passed on in the upstream's own words.

## Messages endpoints

\`\`\`json
{ "type": "error", "error": { "type": "invalid_request_error", "message": "model is required" }, "request_id": "…" }
\`\`\`

The request id is in the \`request-id\` header and in the audit log as well.

${requestErrorTable()}

## Sign-in endpoints

\`\`\`json
{ "error": "authorization_pending", "error_description": "the sign-in has not been finished in the browser yet" }
\`\`\`

${oauthErrorTable()}

A refresh that is refused because the session is over answers \`invalid_grant\` with status 401. What the first table lists can happen here
too, in this envelope: as \`temporarily_unavailable\` for 503, \`server_error\` for the other 5xx, \`invalid_request\` for the rest.
`;
}
