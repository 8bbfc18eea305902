/** How accounts that may spend no more are told so. */
export const USAGE_LIMITS = [
  'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.',
  'You have reached your specified workspace API usage limits.',
  'Usage limit reached for this organization',
  'The usage limit has been reached.',
];
