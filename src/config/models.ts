import { z } from 'zod';
import { withoutMark } from '../kernel/model-name.ts';
import { anyText, listOf, text } from './fields.ts';
import { nearest } from './nearest.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

const modelShape = z
  .strictObject({
    id: text('the id that clients ask for').meta({
      title: 'Id',
      description: 'What clients ask for. A built-in id renames or maps the built-in model.',
      examples: ['claude-opus-4-8'],
    }),
    label: anyText()
      .optional()
      .meta({ title: 'Label', description: 'Name shown in pickers.', examples: ['Opus'] }),
    description: anyText()
      .optional()
      .meta({
        title: 'Description',
        description: 'One line shown in pickers.',
        examples: ['For hard problems'],
      }),
    upstream_model: z
      .record(z.string(), text('the id that the upstream knows'), {
        error: 'must be a map from the name of an upstream to its id of the model',
      })
      .default({})
      .meta({
        title: 'Ids at upstreams',
        description: 'What the model is called at each upstream, by the name of the upstream.',
        examples: [{ anthropic: 'claude-opus-4-8' }],
      }),
  })
  .meta({ title: 'Model', description: 'A model of the catalog.' });

export const modelsShape = listOf(modelShape, 'models').meta({
  title: 'Models',
  description: 'Models beside the built-in ones, or other names for those.',
});

/** Of the upstreams that are listed in a problem. */
const MOST_NAMES = 20;

type Models = Valid<z.output<typeof modelsShape>> | undefined;

/** `upstreamNames`: undefined where not all of them are known. */
export function checkModels(
  models: Models,
  upstreamNames: readonly string[] | undefined,
  includesBuiltin: boolean | undefined,
  report: Report,
): void {
  const seen = new Map<string, number>();
  for (const [index, model] of (models ?? []).entries()) {
    const id = model?.id === undefined ? undefined : withoutMark(model.id).toLowerCase();
    const earlier = id === undefined ? undefined : seen.get(id);
    if (earlier !== undefined)
      report.warning(
        ['models', index, 'id'],
        `is the id of models[${earlier}] as well; the later one counts`,
        'remove one of the two',
      );
    if (id !== undefined) seen.set(id, index);
    for (const name of Object.keys(model?.upstream_model ?? {})) {
      if (!upstreamNames || upstreamNames.includes(name)) continue;
      const shown = upstreamNames.slice(0, MOST_NAMES);
      const near = nearest(name, shown);
      report.error(
        ['models', index, 'upstream_model', name],
        `is the name of no upstream; there are ${shown.join(', ')}${shown.length < upstreamNames.length ? ', …' : ''}`,
        near === undefined ? 'use the name: of an upstream' : `did you mean ${near}?`,
      );
    }
  }
  if (includesBuiltin === false && models?.length === 0)
    report.warning(
      ['auto_include_builtin_models'],
      'is false, and models is empty: no model is served',
      'list the models to serve under models:',
    );
}
