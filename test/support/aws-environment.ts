import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** What the vendor's chain looks at. Nothing of the machine that runs the tests is to be found, or asked. */
const READ_BY_CHAIN = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_PROFILE',
  'AWS_REGION',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_STS',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
];

export interface AwsEnvironmentOfTest {
  /** Writes a file in a folder of the test's own and tells its path. */
  file(name: string, text: string): string;
}

/** The environment of this test, with these variables of AWS's and no others, without a metadata service. */
export function stubAwsEnvironment(variables: Readonly<Record<string, string>> = {}): AwsEnvironmentOfTest {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-aws-'));
  const entries = {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_SHARED_CREDENTIALS_FILE: join(folder, 'credentials'),
    AWS_CONFIG_FILE: join(folder, 'config'),
    ...variables,
  };
  for (const name of READ_BY_CHAIN) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(entries)) vi.stubEnv(name, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
  return {
    file(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    },
  };
}
