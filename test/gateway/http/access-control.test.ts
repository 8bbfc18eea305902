import { describe, expect, it } from 'vitest';
import type { AuditFields } from '../../../src/gateway/exchange.ts';
import { type AccessControlOptions, createAccessControl } from '../../../src/gateway/http/access-control.ts';
import type { ClientAddress } from '../../../src/gateway/http/client-address.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/kernel/ip-address.ts';
import { createMemoryLog } from '../../support/memory-log.ts';

const NOBODY: ClientAddress = { kind: 'unknown' };

function from(text: string): ClientAddress {
  const address = parseIpAddress(text);
  if (!address) throw new RangeError(text);
  return { kind: 'known', ip: formatIpAddress(address), address };
}

function unreadable(entry: string): ClientAddress {
  const address = { version: 4, value: 0x0a000001n } as const;
  return { kind: 'unparseable', entry, proxy: '10.0.0.1', address };
}

function control(options: Partial<AccessControlOptions>) {
  const events: (AuditFields & { readonly event: string })[] = [];
  const log = createMemoryLog();
  const admit = createAccessControl(
    { allowCidrs: [], denyCidrs: [], ...options },
    { audit: (event, requestId, fields) => events.push({ event, requestId, ...fields }), log },
  );
  const ask = (client: ClientAddress, path = '/v1/messages') => admit(client, path, 'req_1');
  return { ask, events, log };
}

const denied = (fields: AuditFields) => ({ event: 'access.denied', requestId: 'req_1', ...fields });

describe('without lists', () => {
  it('everybody is admitted, under the address that counts', () => {
    const { ask, events, log } = control({});
    expect(ask(from('10.1.2.3'))).toEqual({ kind: 'admitted', ip: '10.1.2.3' });
    expect(ask(from('::ffff:10.1.2.3'))).toEqual({ kind: 'admitted', ip: '10.1.2.3' });
    expect(ask(NOBODY)).toEqual({ kind: 'admitted', ip: '' });
    expect([events, log.lines]).toEqual([[], []]);
  });

  it('an entry that cannot be read is worth one warning, and the proxy counts', () => {
    const { ask, events, log } = control({});
    expect(ask(unreadable('bad\nentry'))).toEqual({ kind: 'admitted', ip: '10.0.0.1' });
    expect(ask(unreadable('other'))).toEqual({ kind: 'admitted', ip: '10.0.0.1' });
    expect(events).toEqual([]);
    expect(log.lines).toEqual([
      expect.stringContaining("(bad\\u000aentry); using the proxy's address 10.0.0.1"),
    ]);
  });

  it('the first public client is worth one event and one warning', () => {
    const { ask, events, log } = control({});
    ask(from('203.0.113.9'));
    ask(from('8.8.8.8'));
    ask(from('9.9.9.9'));
    expect(events).toEqual([{ event: 'access.public_client', requestId: 'req_1', client_ip: '8.8.8.8' }]);
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*8\.8\.8\.8.*allow_cidrs is empty/)]);
  });

  it.each([
    '10.1.1.1',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.1.1',
    '127.0.0.1',
    '::1',
    'fd00::1',
    '169.254.1.1',
    'fe80::1',
  ])('%s is not public', (text) => {
    const { ask, events } = control({});
    ask(from(text));
    expect(events).toEqual([]);
  });

  it('a probe from a public address does not count', () => {
    const { ask, events } = control({});
    ask(from('8.8.8.8'), '/healthz');
    ask(from('8.8.8.8'), '/readyz');
    expect(events).toEqual([]);
    ask(from('2a00::1'), '/');
    expect(events).toHaveLength(1);
  });
});

describe('deny_cidrs', () => {
  const lists = { denyCidrs: ['203.0.113.0/24', '2001:db8::/32'] };

  it('turns away who is in it, and nobody else', () => {
    const { ask, events } = control(lists);
    expect(ask(from('203.0.113.7'))).toEqual({ kind: 'denied' });
    expect(ask(from('::ffff:203.0.113.8'))).toEqual({ kind: 'denied' });
    expect(ask(from('2001:db8::1'))).toEqual({ kind: 'denied' });
    expect(ask(from('10.0.114.7'))).toMatchObject({ kind: 'admitted' });
    expect(events).toEqual(
      ['203.0.113.7', '203.0.113.8', '2001:db8::1'].map((ip) =>
        denied({ reason: 'deny_cidr', client_ip: ip }),
      ),
    );
  });

  it('goes before allow_cidrs', () => {
    const { ask } = control({ ...lists, allowCidrs: ['203.0.113.7/32'] });
    expect(ask(from('203.0.113.7'))).toEqual({ kind: 'denied' });
  });

  it('holds for probes, too', () => {
    const { ask } = control(lists);
    expect(ask(from('203.0.113.7'), '/healthz')).toEqual({ kind: 'denied' });
    expect(ask(from('203.0.113.7'), '/readyz')).toEqual({ kind: 'denied' });
  });
});

describe('allow_cidrs', () => {
  const lists = { allowCidrs: ['10.0.0.0/8', '::1/128'] };

  it('lets in who is in it, and nobody else', () => {
    const { ask, events } = control(lists);
    expect(ask(from('10.9.9.9'))).toEqual({ kind: 'admitted', ip: '10.9.9.9' });
    expect(ask(from('::1'))).toEqual({ kind: 'admitted', ip: '::1' });
    expect(ask(from('192.168.1.1'))).toEqual({ kind: 'denied' });
    expect(events).toEqual([denied({ reason: 'not_in_allow_cidrs', client_ip: '192.168.1.1' })]);
  });

  it.each(['/healthz', '/readyz'])('does not hold for %s', (path) => {
    expect(control(lists).ask(from('192.168.1.1'), path)).toEqual({ kind: 'admitted', ip: '192.168.1.1' });
  });

  it.each(['/healthz/', '/HEALTHZ', '/healthz/../v1/messages', '//healthz', '/readyz.json'])(
    'holds for %s',
    (path) => {
      expect(control(lists).ask(from('192.168.1.1'), path)).toEqual({ kind: 'denied' });
    },
  );

  it('makes the public no news', () => {
    const { ask, events } = control({ allowCidrs: ['8.8.8.0/24'] });
    expect(ask(from('8.8.8.8'))).toMatchObject({ kind: 'admitted' });
    expect(events).toEqual([]);
  });
});

describe.each([{ allowCidrs: ['0.0.0.0/0', '::/0'] }, { denyCidrs: ['203.0.113.0/24'] }])(
  'with lists %o',
  (lists) => {
    it('an entry that cannot be read is refused and recorded, cut to a line of sane length', () => {
      const { ask, events, log } = control(lists);
      expect(ask(unreadable(`bad\u0085\n${'x'.repeat(500)}`))).toEqual({ kind: 'denied' });
      expect(events).toEqual([
        denied({
          reason: 'xff_unparseable',
          client_ip: '10.0.0.1',
          entry: `bad\\u0085\\u000a${'x'.repeat(85)}`,
        }),
      ]);
      expect(log.lines).toEqual([]);
    });

    it('a client without an address is refused, and none is made up', () => {
      const { ask, events } = control(lists);
      expect(ask(NOBODY)).toEqual({ kind: 'denied' });
      expect(events).toEqual([denied({ reason: 'client_ip_unknown' })]);
    });
  },
);
