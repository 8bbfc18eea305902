import { z } from 'zod';
import { kindOfAddress, parseIpAddress } from '../kernel/ip-address.ts';
import { cidr, listOf, origin, text, whole } from './fields.ts';
import type { Valid } from './read-shape.ts';
import type { Report } from './report.ts';

const tlsShape = z
  .strictObject({
    cert: text('the path of a PEM file').meta({
      title: 'Certificate',
      description: 'Path of the certificate chain, PEM, leaf first. Read at start.',
      examples: ['/etc/sallyport/tls.crt'],
    }),
    key: text('the path of a PEM file').meta({
      title: 'Key',
      description: 'Path of the private key, PEM.',
      examples: ['/etc/sallyport/tls.key'],
    }),
  })
  .meta({
    title: 'TLS',
    description: 'Lets the gateway end TLS itself. Leave it out behind a balancer that does.',
  });

export const listenShape = z
  .strictObject({
    host: text('an address or host name')
      .default('0.0.0.0')
      .meta({
        title: 'Host',
        description: 'Address to bind.',
        examples: ['127.0.0.1', '::'],
      }),
    port: whole(0, 65_535).default(8080).meta({
      title: 'Port',
      description: 'Port to bind; 0 takes a free one at each start, and public_url is required.',
    }),
    public_url: origin()
      .optional()
      .meta({
        title: 'Public URL',
        description:
          'Where developers reach the gateway: issuer of its tokens, base of the sign-in links. Required unless host is a loopback address.',
        examples: ['https://claude-gateway.corp.example.com'],
      }),
    tls: tlsShape.optional(),
    trusted_proxies: listOf(cidr(), 'addresses and blocks')
      .default([])
      .meta({
        title: 'Trusted proxies',
        description: 'Whose X-Forwarded-For is believed.',
        examples: [['10.0.0.0/8']],
      }),
    keep_alive_seconds: whole(1, 86_400).default(620).meta({
      title: 'Keep-alive',
      description: 'How long an idle connection is kept; longer than any balancer in front keeps it.',
    }),
  })
  .meta({ title: 'Listener', description: 'Where the gateway listens and how developers reach it.' });

type Listen = Valid<z.output<typeof listenShape>> | undefined;

export function checkListen(listen: Listen, report: Report): void {
  if (!listen) return;
  const { host, port, public_url: publicUrl } = listen;
  if (!report.has(['listen', 'public_url'])) {
    const needed = whyPublicUrl(host, port);
    if (needed !== undefined) report.error(['listen', 'public_url'], needed.why, needed.fix);
  }
  if (publicUrl?.startsWith('http:') && !isLoopback(new URL(publicUrl).hostname))
    report.warning(
      ['listen', 'public_url'],
      'is plain http: tokens travel unencrypted, and clients refuse it',
      'use https, with listen.tls or a balancer that ends TLS',
    );
}

/** Sign-in links and tokens name the gateway before it listens, and for longer than it runs. */
function whyPublicUrl(host: string | undefined, port: number | undefined) {
  const fix = 'add public_url: https://<where developers reach the gateway>';
  if (host !== undefined && !isLoopback(host))
    return { why: 'is required unless listen.host is a loopback address', fix };
  if (port === 0)
    return {
      why: 'is required with port: 0, which is another port at each start',
      fix: `name a port, or ${fix}`,
    };
  return undefined;
}

/** Whether a host to bind or to call is this machine itself. */
export function isLoopback(host: string): boolean {
  const address = parseIpAddress(host);
  if (address) return kindOfAddress(address) === 'loopback';
  return /^(?:.+\.)?localhost\.?$/i.test(host);
}
