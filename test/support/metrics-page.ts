import { type Page, parseExposition } from './exposition.ts';
import type { GatewayProcess } from './gateway-process.ts';

/** Reads a gateway's metrics as Prometheus does. Throws where the page is not what it should be. */
export async function readMetrics(gateway: GatewayProcess): Promise<Page & { readonly text: string }> {
  const [, url = ''] = /metrics: (http\S+)$/.exec(await gateway.line(/ metrics: http/)) ?? [];
  const response = await fetch(url);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status} ${text}`);
  return { text, ...parseExposition(text) };
}
