import { z } from 'zod';
import { anyText, listOf, text } from './fields.ts';

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
