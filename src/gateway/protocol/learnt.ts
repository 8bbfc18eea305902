import { code, table } from './markdown.ts';

/** Something that an upstream refuses and that is left out of requests for one of its models. */
export interface Learnt {
  readonly upstream: string;
  /** As clients call it; undefined where that is not known here. */
  readonly model: string | undefined;
  /** A beta or a field. */
  readonly name: string;
}

/** What has been learnt since this process started, or that nothing has. */
export function learntSection(learnt: readonly Learnt[]): string {
  const rows = learnt.map(({ upstream, model, name }) => [
    code(upstream),
    model === undefined ? 'another model' : code(model),
    code(name),
  ]);
  const found =
    rows.length === 0 ? 'Nothing is left out so at present.' : table(['upstream', 'model', 'left out'], rows);
  return `### Learnt by this process\n\n${found}\n`;
}
