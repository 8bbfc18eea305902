/** A model's name without the mark of clients for the long context window, which counts for nothing. */
export function withoutMark(model: string): string {
  return model.replace(/\[1m\]$/i, '');
}

/** What is left of a model's name, in lower case, without path or ARN, geography, vendor and the clouds' version at the end. */
export function bareName(model: string): string {
  return withoutMark(model.trim())
    .toLowerCase()
    .replace(/^.*\//s, '')
    .replace(/^(?:[a-z][a-z-]*\.)+/, '')
    .replace(/-v\d+(?::\d+)?$/, '');
}
