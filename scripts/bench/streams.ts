// Holds many streams open at once, from a process of its own: says `open` when each has had its first event, and ends them,
// and itself, when its input ends. One in ten is busy, with ten events a second; the others stand still.
import { Agent, type ClientRequest, request } from 'node:http';

const [url = '', token = '', countText = '0'] = process.argv.slice(2);
const count = Number(countText);
const AT_A_TIME = 50;
const BUSY_SHARE = 10;
const body = JSON.stringify({
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  stream: true,
  messages: [{ role: 'user', content: 'Think for a while.' }],
});
const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
const calls: ClientRequest[] = [];
let next = 0;

function open(): Promise<void> {
  const pace = next % BUSY_SHARE === 0 ? 'busy' : 'still';
  next += 1;
  return new Promise((resolve, reject) => {
    const call = request(`${url}/v1/messages?case=${pace}`, {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    });
    calls.push(call);
    call.once('error', reject);
    call.once('response', (response) => {
      if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`));
      response.once('data', () => resolve());
      response.on('data', () => undefined);
      response.on('error', () => undefined);
    });
    call.end(body);
  });
}

async function openInTurn(): Promise<void> {
  while (next < count) await open();
}

await Promise.all(Array.from({ length: AT_A_TIME }, openInTurn));
console.log('open');
process.stdin.resume();
process.stdin.once('end', () => {
  for (const call of calls) call.on('error', () => undefined).destroy();
  process.exit();
});
