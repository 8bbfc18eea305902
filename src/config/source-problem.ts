/** Keys and list indexes from the top of the file. */
export type Path = readonly (string | number)[];

/** Something wrong at an offset of the file's text. `message` continues "<path> …" and quotes no secret. */
export interface SourceProblem {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

export interface ConfigSource {
  /** What problems call it; usually the path as the operator gave it. */
  readonly name: string;
  readonly text: string;
}

/** The text without a byte order mark, which is no part of it. */
export function textOf({ text }: ConfigSource): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}
