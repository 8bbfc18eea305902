// Fails naming everything in the catalog's data that breaks a rule: a price or a source that is missing or out of
// proportion, a spelling that names two models, an id that is not what the providers' naming rules make of the model's.
import data from '../src/gateway/catalog/models.data.json' with { type: 'json' };
import { catalogProblems } from './catalog/problems.ts';

const problems = catalogProblems(data);

for (const problem of problems) console.error(problem);
console.error(`${data.models.length} models, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
