import { gatewayJsonSchema } from '../../src/config/json-schema.ts';
import { managedSettingsSchema } from '../../src/config/managed-settings-schema.ts';
import { auditEventSchema } from '../../src/gateway/doors/audit-event-schema.ts';
import { auditEventsPage } from './audit-events.ts';
import { cliPage } from './cli.ts';
import { configurationPage } from './configuration.ts';
import { errorsPage } from './errors.ts';
import { httpPage } from './http.ts';
import { compiledJsonScanner } from './json-scanner.ts';
import { metricsPage } from './metrics.ts';

/** Every generated file of the repository: its path from the root, and what belongs in it. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['schemas/gateway.schema.json', json(gatewayJsonSchema())],
    ['schemas/managed-settings.schema.json', json(managedSettingsSchema())],
    ['schemas/audit-event.schema.json', json(auditEventSchema())],
    ['docs/configuration.md', configurationPage()],
    ['docs/audit-events.md', auditEventsPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/http.md', httpPage()],
    ['docs/cli.md', cliPage()],
    ['docs/metrics.md', metricsPage()],
    ['src/gateway/http/json-scanner/compiled.ts', await compiledJsonScanner()],
  ]);
}

/** As `sallyport schema` prints it. */
function json(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
