/** A model's name without the mark of clients for the long context window, which counts for nothing. */
export function withoutMark(model: string): string {
  return model.replace(/\[1m\]$/i, '');
}
