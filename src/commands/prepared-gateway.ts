import type { LoadedConfig } from '../config/load.ts';
import type { Reread } from '../gateway/doors/reload.ts';

/** The flags of `sallyport gateway`. */
export interface GatewayCommandOptions {
  readonly config?: string;
  readonly check?: boolean;
  readonly dev?: boolean;
  readonly data?: string;
  /** A number, or `auto`. */
  readonly workers?: string;
}

/** What `sallyport gateway` starts: from a file, or for practice. */
export interface PreparedGateway {
  readonly loaded: LoadedConfig;
  /** Undefined where there is no file. */
  readonly reread: Reread | undefined;
  readonly allowedOrigins: readonly string[];
  readonly isPractice: boolean;
  /** What to do next, once it listens. */
  readonly nextSteps: string;
  close(): Promise<void>;
}
