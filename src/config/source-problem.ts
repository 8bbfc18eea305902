/** Keys and list indexes from the top of the file. */
export type Path = readonly (string | number)[];

/** Something wrong at an offset of the file's text. `message` continues "<path> …" and quotes no secret. */
export interface SourceProblem {
  readonly offset: number;
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}
