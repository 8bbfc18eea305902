import type { LoadedConfig } from '../config/load.ts';

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
  readonly allowedOrigins: readonly string[];
  readonly isPractice: boolean;
  /** What to do next, once it listens. */
  readonly nextSteps: string;
  close(): Promise<void>;
}
