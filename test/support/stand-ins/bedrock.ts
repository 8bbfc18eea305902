import type { IncomingMessage, ServerResponse } from 'node:http';
import { createBedrock } from '../../../src/gateway/upstream/providers/bedrock/bedrock.ts';
import type { BedrockOptions } from '../../../src/gateway/upstream/providers/bedrock/options.ts';
import { secret } from '../../../src/kernel/secret.ts';
import { type AwsAccount, createAwsAccount, type IssuedKeys, type Wire } from './aws-account.ts';
import { refuse, writeBedrockAnswer } from './bedrock-answers.ts';
import { bedrockFault, type Fault, fault, wrappedBody } from './bedrock-rules.ts';
import { listenOnLoopback } from './scripted-answers.ts';
import { type AskedOf, PRIVATE_WORD, type ScriptedAnswer, type StandInKind } from './stand-in.ts';

export const BEDROCK = {
  region: 'us-west-2',
  model: 'us.anthropic.claude-sonnet-5',
  token: 'bedrock-api-key-of-the-stand-in',
} as const;

/** A request to the runtime, with the session of the role that signed it, if any did. */
export interface AskedOfBedrock extends AskedOf {
  readonly session: string | undefined;
}

export interface BedrockServer {
  readonly origin: string;
  answer(next: ScriptedAnswer): void;
  readonly requests: readonly AskedOfBedrock[];
  /** Answers requests that are let in, in place of scripted answers. */
  answerAll(how: (asked: AskedOfBedrock, response: ServerResponse) => void | Promise<void>): void;
  close(): Promise<void>;
}

/** Bedrock's runtime: it lets in who signs with the account's keys or shows the token, refuses what Bedrock refuses. */
export async function startBedrock(
  account: AwsAccount,
  sessionOf: (accessKeyId: string) => string | undefined = () => undefined,
): Promise<BedrockServer> {
  const requests: AskedOfBedrock[] = [];
  const script: ScriptedAnswer[] = [];
  let answerAll: Parameters<BedrockServer['answerAll']>[0] | undefined;

  const listening = await listenOnLoopback(async (message, body, response) => {
    const wire = wireOf(message, body);
    const asked = askedOf(message, wire, sessionOf);
    requests.push(asked);
    const refusal = (await unauthorised(message, wire, account)) ?? bedrockFault(asked, wire.body);
    if (refusal) return refuse(refusal, response);
    if (answerAll) return answerAll(asked, response);
    writeBedrockAnswer(script.shift() ?? shortAnswer(asked), response);
  });
  return {
    ...listening,
    requests,
    answer: (next) => void script.push(next),
    answerAll(how) {
      answerAll = how;
    },
  };
}

/** What STS was asked for. */
export interface AssumedRole {
  readonly roleArn: string | undefined;
  readonly session: string;
  readonly externalId: string | undefined;
  readonly seconds: string | undefined;
  readonly keys: IssuedKeys;
}

export interface StsServer {
  readonly origin: string;
  readonly calls: readonly AssumedRole[];
  sessionOf(accessKeyId: string): string | undefined;
  /** From now on it refuses, with this code; undefined: no more. */
  refuseWith(code: string | undefined): void;
  close(): Promise<void>;
}

/** STS of the region: hands out keys of the account for roles. */
export async function startSts(account: AwsAccount): Promise<StsServer> {
  const calls: AssumedRole[] = [];
  let code: string | undefined;

  const listening = await listenOnLoopback(async (message, body, response) => {
    const wire = wireOf(message, body);
    const form = new URLSearchParams(wire.body.toString());
    const wrong = (await account.fault(wire, 'sts', BEDROCK.region)) ?? code;
    if (wrong !== undefined || form.get('Action') !== 'AssumeRole') {
      response.writeHead(403, { 'content-type': 'text/xml' });
      return void response.end(
        `<ErrorResponse><Error><Type>Sender</Type><Code>${wrong}</Code><Message>no for ${PRIVATE_WORD}</Message></Error></ErrorResponse>`,
      );
    }
    const keys = account.issue();
    calls.push({
      roleArn: form.get('RoleArn') ?? undefined,
      session: form.get('RoleSessionName') ?? '',
      externalId: form.get('ExternalId') ?? undefined,
      seconds: form.get('DurationSeconds') ?? undefined,
      keys,
    });
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(assumeRoleXml(keys));
  });
  return {
    ...listening,
    calls,
    sessionOf: (id) => calls.find(({ keys }) => keys.accessKeyId === id)?.session,
    refuseWith(next) {
      code = next;
    },
  };
}

export function keyOptions(keys: IssuedKeys) {
  return {
    kind: 'keys',
    accessKeyId: keys.accessKeyId,
    secretAccessKey: secret(keys.secretAccessKey),
    sessionToken: secret(keys.sessionToken),
  } as const;
}

export const NO_OPTIONS: Omit<BedrockOptions, 'baseUrl' | 'credential'> = {
  region: BEDROCK.region,
  assumeRole: undefined,
  guardrail: undefined,
  headers: {},
};

const traits = {
  speaksMessagesApi: false,
  takesBetas: true,
  showsErrorsAsTheyAre: false,
  saysUnavailable: true,
  modelIn: 'path',
} as const;

function standIn(name: string, credentialFor: (account: AwsAccount) => BedrockOptions['credential']) {
  return {
    name,
    traits,
    async start() {
      const account = createAwsAccount();
      const credential = credentialFor(account);
      const server = await startBedrock(account);
      return {
        ...server,
        model: BEDROCK.model,
        makeProvider: async (parts) =>
          createBedrock({ ...NO_OPTIONS, baseUrl: server.origin, credential }, parts),
      };
    },
  } satisfies StandInKind;
}

export const bedrockStandIns: readonly StandInKind[] = [
  standIn('bedrock', (account) => keyOptions(account.issue())),
  standIn('bedrock with a bearer token', () => ({ kind: 'bearer', token: secret(BEDROCK.token) })),
];

function wireOf({ method = '', url = '', rawHeaders }: IncomingMessage, body: Buffer): Wire {
  return { method, url, rawHeaders, body };
}

function askedOf(
  { headers }: IncomingMessage,
  { url, body }: Wire,
  sessionOf: (accessKeyId: string) => string | undefined,
): AskedOfBedrock {
  const [, model = '', verb] = /^\/model\/([^/]+)\/([\w-]+)$/.exec(url) ?? [];
  const inner = verb === 'count-tokens' ? wrappedBody(body) : body;
  const { anthropic_beta: betas = [] } = JSON.parse(inner.toString());
  const [, id = ''] = /Credential=(\w+)/.exec(headers.authorization ?? '') ?? [];
  return {
    url,
    headers,
    body: inner,
    model: decodeURIComponent(model),
    betas,
    isStreamed: verb === 'invoke-with-response-stream',
    session: sessionOf(id),
  };
}

async function unauthorised(
  { headers }: IncomingMessage,
  wire: Wire,
  account: AwsAccount,
): Promise<Fault | undefined> {
  if (headers.authorization?.startsWith('Bearer ')) {
    const isGood = headers.authorization === `Bearer ${BEDROCK.token}` && headers['x-amz-date'] === undefined;
    return isGood ? undefined : fault(403, 'AccessDeniedException', 'Authentication failed');
  }
  const wrong = await account.fault(wire, 'bedrock', BEDROCK.region);
  return wrong === undefined ? undefined : fault(403, wrong, 'The security token is not good');
}

function shortAnswer({ url, isStreamed }: AskedOf): ScriptedAnswer {
  if (url.endsWith('/count-tokens')) return { kind: 'count', inputTokens: 11 };
  const usage = { input_tokens: 11, output_tokens: 2 };
  const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-sonnet-5' };
  if (!isStreamed) {
    const content = [{ type: 'text', text: 'hello' }];
    return { kind: 'message', message: { ...head, content, stop_reason: 'end_turn', usage } };
  }
  return {
    kind: 'stream',
    events: [
      { type: 'message_start', message: { ...head, content: [], usage } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hello' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
      { type: 'message_stop' },
    ],
  };
}

function assumeRoleXml({ accessKeyId, secretAccessKey, sessionToken }: IssuedKeys): string {
  const expiration = new Date(Date.now() + 3_600_000).toISOString();
  return `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>
<SessionToken>${sessionToken}</SessionToken><Expiration>${expiration}</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`;
}
