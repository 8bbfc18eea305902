// A process of its own, since Node reads NODE_EXTRA_CA_CERTS when it starts.
import { parseGatewayUrl } from '../../src/client/gateway-url.ts';
import { createMachine } from '../../src/client/machine.ts';
import { reachGateway } from '../../src/client/reach-gateway.ts';
import { CodedError } from '../../src/kernel/coded-error.ts';

const { connection } = await reachGateway(parseGatewayUrl(process.argv[2] ?? ''), {
  machine: createMachine(process.platform, {}),
  env: {},
  internalNetworks: () => [],
});
try {
  process.send?.((await connection.inspectCertificate()).fingerprint);
} catch (error) {
  process.send?.(error instanceof CodedError ? `${error.code} ${error.facts['reason']}` : String(error));
}
await connection.close();
process.disconnect?.();
