// One load run in a process of its own: prints requests, errors and latencies as a line of JSON.
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

const [url = '', bodyFile = '', token = '', seconds = '4', connections = '16'] = process.argv.slice(2);
const result = await autocannon({
  url,
  method: 'POST',
  body: readFileSync(bodyFile),
  headers: {
    'content-type': 'application/json',
    authorization: `Bearer ${token}`,
    'anthropic-version': '2023-06-01',
  },
  duration: Number(seconds),
  connections: Number(connections),
});
console.log(
  JSON.stringify({
    requests: result['2xx'],
    failed: result.non2xx + result.errors,
    perSecond: result.requests.average,
    p50: result.latency.p50,
    p99: result.latency.p99,
  }),
);
