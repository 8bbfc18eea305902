import type { OtlpSignal } from '../../../kernel/protocol.ts';

/** How OTLP/HTTP writes its messages. */
export type OtlpMediaType = 'application/x-protobuf' | 'application/json';

/** An export request as it came: never unpacked, never read. */
export interface OtlpBody {
  readonly signal: OtlpSignal;
  readonly mediaType: OtlpMediaType;
  readonly isGzip: boolean;
  readonly bytes: Buffer;
}
