import { createAnthropicAws } from '../../../src/gateway/upstream/providers/anthropic-aws.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type AwsAccount, createAwsAccount } from './aws-account.ts';
import { type AwsMessagesServer, startAwsMessages } from './aws-messages.ts';
import { envelope } from './messages-answers.ts';
import type { StandInKind } from './stand-in.ts';

export const ANTHROPIC_AWS = {
  region: 'eu-central-1',
  workspaceId: 'wrkspc_stand_in',
  apiKey: 'aws-external-anthropic-api-key',
  model: 'claude-sonnet-5',
} as const;

/** Claude Platform on AWS: signatures or an API key, and a workspace in every request. */
export function startAnthropicAws(account: AwsAccount): Promise<AwsMessagesServer> {
  return startAwsMessages({
    service: 'aws-external-anthropic',
    region: ANTHROPIC_AWS.region,
    prefix: '',
    models: [ANTHROPIC_AWS.model],
    account,
    bearerOf: ({ 'x-api-key': key, authorization = '' }) =>
      [key].flat()[0] ?? /^Bearer (.+)/.exec(authorization)?.[1],
    bearer: ANTHROPIC_AWS.apiKey,
    reject: ({ headers }) =>
      headers['anthropic-workspace-id'] === ANTHROPIC_AWS.workspaceId
        ? undefined
        : envelope(400, 'invalid_request_error', 'anthropic-workspace-id: header is required'),
    headers: { 'request-id': 'req_stand_in', 'x-amzn-requestid': 'amzn-stand-in' },
  });
}

export const anthropicAws: StandInKind = {
  name: 'anthropicAws',
  traits: { speaksMessagesApi: true, takesBetas: true, showsErrorsAsTheyAre: false, modelIn: 'body' },
  async start() {
    const account = createAwsAccount();
    const keys = account.issue();
    const server = await startAnthropicAws(account);
    return {
      ...server,
      model: ANTHROPIC_AWS.model,
      makeProvider: async (parts) =>
        createAnthropicAws(
          {
            region: ANTHROPIC_AWS.region,
            workspaceId: ANTHROPIC_AWS.workspaceId,
            baseUrl: server.origin,
            credential: {
              kind: 'keys',
              accessKeyId: keys.accessKeyId,
              secretAccessKey: secret(keys.secretAccessKey),
              sessionToken: secret(keys.sessionToken),
            },
            headers: {},
          },
          parts,
        ),
    };
  },
};
