const PLAIN = /^[\w.:-]+$/;
/** What a path segment may hold as it is and `encodeURIComponent` encodes all the same. */
const ALLOWED = /%(?:24|26|2B|2C|3A|3B|3D|40)/g;
const PROFILE_PREFIX = /^[a-z-]+\.(?=anthropic\.)/;
/** `arn:partition:bedrock:region:account:kind/id`: of these kinds the id says which model it is. */
const TELLING_ARN = /^arn:[^:]+:bedrock:[^:]*:[^:]*:(?:inference-profile|foundation-model)\/([^/]+)$/;

/** Where the API has a model: an id, an inference profile's id, or an ARN, as one segment. */
export function modelPath(model: string): string {
  return `/model/${PLAIN.test(model) ? model : encodeURIComponent(model).replace(ALLOWED, decodeURIComponent)}`;
}

/** The id of the model behind a profile; undefined when the name does not tell, as that of an application's profile. */
export function baseModel(model: string): string | undefined {
  const id = model.startsWith('arn:') ? TELLING_ARN.exec(model)?.[1] : model;
  const base = id?.replace(PROFILE_PREFIX, '');
  return base?.startsWith('anthropic.') ? base : undefined;
}
