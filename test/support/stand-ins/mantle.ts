import { createMantle } from '../../../src/gateway/upstream/providers/mantle.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type AwsAccount, createAwsAccount } from './aws-account.ts';
import { type AwsMessagesServer, startAwsMessages } from './aws-messages.ts';
import type { StandInKind } from './stand-in.ts';

export const MANTLE = {
  region: 'us-east-1',
  token: 'bedrock-api-key-of-mantle',
  model: 'anthropic.claude-sonnet-5',
} as const;

/** Bedrock's endpoint in Messages format: signatures or a bearer token, and model ids of its own. */
export function startMantle(account: AwsAccount): Promise<AwsMessagesServer> {
  return startAwsMessages({
    service: 'bedrock-mantle',
    region: MANTLE.region,
    prefix: '/anthropic',
    models: [MANTLE.model],
    account,
    bearerOf: ({ authorization }) => /^Bearer (.+)/.exec(authorization ?? '')?.[1],
    bearer: MANTLE.token,
    headers: { 'request-id': 'req_stand_in', 'x-amzn-requestid': 'amzn-stand-in' },
  });
}

export const mantle: StandInKind = {
  name: 'mantle',
  traits: { speaksMessagesApi: true, takesBetas: true, showsErrorsAsTheyAre: false, modelIn: 'body' },
  async start() {
    const server = await startMantle(createAwsAccount());
    return {
      ...server,
      model: MANTLE.model,
      makeProvider: async (parts) =>
        createMantle(
          {
            region: MANTLE.region,
            baseUrl: server.origin,
            credential: { kind: 'bearer', token: secret(MANTLE.token) },
            headers: {},
          },
          parts,
        ),
    };
  },
};
