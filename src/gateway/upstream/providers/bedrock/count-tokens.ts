import { z } from 'zod';
import { CodedError } from '../../../../kernel/coded-error.ts';
import type { AnswerSource, BodyMember, ScannedBody } from '../../../exchange.ts';
import { skipWhitespace } from '../../../http/json-syntax.ts';
import { type MemberChange, spliceBody } from '../../../http/splice.ts';
import { topLevelMembers } from '../../../http/top-level.ts';
import type { OutgoingRequest, TransportAnswer } from '../../provider.ts';
import { betasChange, betasIn } from '../body-betas.ts';
import { dialect, headerBetas, inPlaceOfModel } from './message-body.ts';
import { baseModel, modelPath } from './model-path.ts';

/** Bytes of the wrapped body. */
const MOST_BYTES = 25_000_000;
const CLOSE_BRACKET = 0x5d;
/** Betas that clients send on a count and that CountTokens takes. */
const COUNTED_BETAS: ReadonlySet<string> = new Set(['claude-code-20250219']);

const Thinking = z.object({ budget_tokens: z.number().int().positive() });
const Counted = z.object({ inputTokens: z.number().int().nonnegative() });

/**
 * A count as Bedrock's CountTokens takes it: the body of an InvokeModel in base64. Throws CodedError `not_supported` for a
 * model whose base model is not known, and for a body that is too large for it.
 */
export function countRequest(request: OutgoingRequest): { readonly path: string; readonly body: Buffer } {
  const model = baseModel(request.upstreamModel);
  if (model === undefined) throw new CodedError('not_supported');
  const body = Buffer.from(`{"input":{"invokeModel":{"body":"${countedBody(request).toString('base64')}"}}}`);
  if (body.length > MOST_BYTES) throw new CodedError('not_supported');
  return { path: `${modelPath(model)}/count-tokens`, body };
}

/** The answer in the words of the Messages API. */
export function countAnswer(answer: TransportAnswer): TransportAnswer {
  return {
    ...answer,
    headers: { ...answer.headers, 'content-type': 'application/json' },
    ...translatedWhole(answer, (body) => {
      const { inputTokens } = Counted.parse(JSON.parse(body.toString()));
      return Buffer.from(JSON.stringify({ input_tokens: inputTokens }));
    }),
  };
}

/** What InvokeModel would have to be sent: it wants room to answer in, and takes no empty list of tools. */
function countedBody(request: OutgoingRequest): Buffer {
  const members = new Map(topLevelMembers(request.body.bytes));
  const body: ScannedBody = { ...request.body, members };
  const room = roomToAnswer(body);
  const isRoomAdded = room !== undefined && !members.has('max_tokens');
  const betas = betasIn(body) ?? headerBetas(request);
  const counted = betas.filter((beta) => COUNTED_BETAS.has(beta));
  const hasBetas = members.has('anthropic_beta');
  const changes: MemberChange[] = [
    inPlaceOfModel([
      ...dialect(body, hasBetas ? [] : counted),
      ...(isRoomAdded ? [`"max_tokens":${room}`] : []),
    ]),
    ['stream', undefined],
    ['tags', undefined],
  ];
  if (hasBetas) changes.push(betasChange(counted));
  if (room !== undefined && !isRoomAdded) changes.push(['max_tokens', String(room)]);
  if (isEmptyList(body.bytes, members.get('tools'))) changes.push(['tools', undefined]);
  return spliceBody(body, changes);
}

/** The `max_tokens` to send where the body's own would be refused: at least one, and more than thinking may take. */
function roomToAnswer({ bytes, members }: ScannedBody): number | undefined {
  const budget = Thinking.safeParse(parsedMember(bytes, members.get('thinking'))).data?.budget_tokens ?? 0;
  const own = parsedMember(bytes, members.get('max_tokens'));
  return typeof own === 'number' && Number.isInteger(own) && own > budget ? undefined : budget + 1;
}

function parsedMember(bytes: Buffer, member: BodyMember | undefined): unknown {
  return member && JSON.parse(bytes.toString('utf8', member.valueStart, member.valueEnd));
}

function isEmptyList(bytes: Buffer, member: BodyMember | undefined): boolean {
  return member !== undefined && bytes[skipWhitespace(bytes, member.valueStart + 1)] === CLOSE_BRACKET;
}

/** A small answer, translated once it is whole. */
function translatedWhole(source: AnswerSource, translate: (body: Buffer) => Buffer): AnswerSource {
  return {
    ...source,
    flow(sink) {
      const chunks: Buffer[] = [];
      source.flow({
        chunk: (bytes) => chunks.push(bytes),
        fail: (error) => sink.fail(error),
        end() {
          let translated: Buffer;
          try {
            translated = translate(Buffer.concat(chunks));
          } catch (cause) {
            return sink.fail(new Error('its count cannot be read', { cause }));
          }
          sink.chunk(translated);
          sink.end();
        },
      });
    },
  };
}
