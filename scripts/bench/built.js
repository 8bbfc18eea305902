// Runs the bundle, as the packed package does; bin/cli.js in a checkout would run the sources.
import { main } from '../../dist/cli.js';

await main();
