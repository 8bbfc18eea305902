import { z } from 'zod';
import { choice, flag, listOf, text } from './fields.ts';

/** What the gateway itself reads of a settings document; every other key is carried through. */
export const settingsShape = z
  .looseObject({
    availableModels: listOf(text('a model'), 'models')
      .optional()
      .meta({
        title: 'Available models',
        description:
          'Families, version prefixes or ids; an empty list allows nothing, an absent one everything.',
        examples: [['opus', 'sonnet']],
      }),
    availableModelsMatch: choice('prefix', 'exact').optional().meta({
      title: 'Matching',
      description: 'exact: only full ids count.',
    }),
    deniedModels: listOf(text('a model'), 'models')
      .optional()
      .meta({
        title: 'Denied models',
        description: 'Applied last, by the same matching.',
        examples: [['opus']],
      }),
    model: text('a model')
      .optional()
      .meta({
        title: 'Model',
        description: 'The model that clients start with.',
        examples: ['sonnet'],
        isLater: true,
      }),
    enforceAvailableModels: flag().optional().meta({
      title: 'Enforce',
      description: "Makes the client's default follow availableModels.",
      isLater: true,
    }),
  })
  .meta({
    title: 'Settings',
    description:
      'Claude Code settings for the developers this policy matches. This version enforces the model lists and does not serve settings to clients.',
  });
