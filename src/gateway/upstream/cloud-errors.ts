import type { Judgement, Refusal, Verdict } from './provider.ts';

/** How one cloud's refusals are told apart. Whatever it leaves out goes by status, the same for all clouds. */
export interface CloudErrorRules {
  /**
   * By the provider's own error code, as it writes it: `x-amzn-errortype` without what follows its colon, `__type` without
   * what precedes its `#`, or `error.status` or `error.code` of the body where they are words.
   */
  readonly codes: Readonly<Record<string, Verdict>>;
  /** By status, for what has no code of these. */
  readonly statuses?: Readonly<Record<number, Verdict>>;
  /** Says on a 400 of the provider's own shape that it does not serve the model, where its code says too little. */
  readonly missingModel?: RegExp;
}

/**
 * What a cloud's refusal means, and what of it the developer may read (spec: error messages from upstreams): never an
 * account, an ARN or a project, so that the text is one of a closed set, or the message of an Anthropic envelope on 400
 * and 413.
 */
export function cloudJudgement(refusal: Refusal, rules: CloudErrorRules): Judgement {
  const { status } = refusal;
  const verdict = rules.statuses?.[status] ?? (status === 400 ? 'request' : 'broken');
  return { verdict, shown: { type: 'api_error', message: 'upstream rejected the request' } };
}
