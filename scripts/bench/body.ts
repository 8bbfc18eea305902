/** Typical content: prose with escapes, split over a conversation, the model first. */
export function bodyOf({
  bodyBytes,
  isStream,
  model = 'claude-sonnet-4-5',
}: {
  readonly bodyBytes: number;
  readonly isStream: boolean;
  readonly model?: string;
}): string {
  const paragraph =
    'The function reads "config.json",\nfalls back to a default and returns the merged value.\\n\t';
  const messages: { role: string; content: string }[] = [];
  const whole = () => JSON.stringify({ model, max_tokens: 1024, stream: isStream, messages });
  for (let turn = 0; whole().length < bodyBytes; turn += 1) {
    const missing = bodyBytes - whole().length;
    const repeats = Math.max(1, Math.min(200, Math.floor(missing / (paragraph.length * 1.2))));
    messages.push({ role: turn % 2 ? 'assistant' : 'user', content: paragraph.repeat(repeats) });
  }
  return whole();
}
