import { expect, it } from 'vitest';
import { createRefusalLog } from '../../../src/gateway/http/refusal-log.ts';
import { startListener } from '../../support/listener.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryLog } from '../../support/memory-log.ts';
import { exchangeRaw } from '../../support/raw-http.ts';

const H = 'Host: gateway.test\r\n';

it('a cause has one line a minute, which says how many went without', () => {
  const log = createMemoryLog();
  const clock = createManualClock();
  const counted: string[] = [];
  const note = createRefusalLog({ log, clock, onRefused: (cause) => void counted.push(cause) });
  for (let i = 1; i <= 3; i += 1) note('listener', 'no_host', 'bad_request', `req_${i}`);
  note('HTTP parser', 'HPE_INVALID_METHOD', 'bad_request', 'req_4');
  clock.advance(60_000);
  note('listener', 'no_host', 'bad_request', 'req_5');
  note('listener', 'no_host', 'bad_request', 'req_6');
  clock.advance(60_000);
  note('HTTP parser', 'HPE_INVALID_METHOD', 'bad_request', 'req_7');
  expect(log.lines).toEqual([
    'warn request refused by the listener request_id=req_1: bad_request (no_host)',
    'warn request refused by the HTTP parser request_id=req_4: bad_request (HPE_INVALID_METHOD)',
    'warn request refused by the listener request_id=req_5: bad_request (no_host); 2 more for this cause since the last such line',
    'warn request refused by the HTTP parser request_id=req_7: bad_request (HPE_INVALID_METHOD)',
  ]);
  expect(counted).toHaveLength(7);
});

it.each([
  ['no_host', `GET /secret-path HTTP/1.1\r\n\r\n`],
  ['several_hosts', `GET /secret-path HTTP/1.1\r\n${H}${H}\r\n`],
  ['other_host', `GET http://secret.test/ HTTP/1.1\r\n${H}\r\n`],
  ['request_target', `GET ftp://secret.test/ HTTP/1.1\r\n${H}\r\n`],
  ['http_version', `GET /secret-path HTTP/0.9\r\n${H}\r\n`],
  ['framing', `POST / HTTP/1.1\r\n${H}Transfer-Encoding: secret\r\n\r\n`],
  ['url_length', `GET /secret${'t'.repeat(100)} HTTP/1.1\r\n${H}Connection: close\r\n\r\n`],
  ['CONNECT', `CONNECT secret.test:443 HTTP/1.1\r\n${H}\r\n`],
  ['HPE_HEADER_OVERFLOW', `GET / HTTP/1.1\r\n${H}secret: ${'s'.repeat(300_000)}\r\n\r\n`],
])('%s is logged and counted for each request, whose content is not', async (cause, bytes) => {
  const counted: string[] = [];
  const listener = await startListener([], {
    http: { maxUrlLength: 60 },
    parts: { onRefused: (name) => void counted.push(name) },
  });
  await exchangeRaw(listener.port, bytes);
  await exchangeRaw(listener.port, bytes);
  await listener.close();
  expect(counted).toEqual([cause, cause]);
  expect(listener.log.lines).toEqual([expect.stringMatching(new RegExp(`^warn .+: \\w+ \\(${cause}\\)$`))]);
  expect(listener.log.lines.join()).not.toMatch(/secret/i);
});
