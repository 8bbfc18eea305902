// The upstream of the benchmark: reads the request, answers a fixed JSON message, or 150 events at once: with ?case=sse as
// they are, with ?case=frames and to Bedrock's path in event frames. With ?case=still a stream has one event and goes on
// for ever; with ?case=busy ten events a second follow.
import { createServer } from 'node:http';
import { eventsOfAnswer, framesOfAnswer, jsonAnswer } from './answers.ts';

const events = Buffer.from(eventsOfAnswer.join(''));
const frames = Buffer.concat(framesOfAnswer);

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.url?.includes('case=sse')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' });
      response.end(events);
    } else if (/case=(still|busy)/.test(request.url ?? '')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' });
      const [start = ''] = eventsOfAnswer;
      const delta = eventsOfAnswer[10] ?? '';
      response.write(start);
      if (!request.url?.includes('case=busy')) return;
      const ticking = setInterval(() => response.write(delta), 100);
      response.once('close', () => clearInterval(ticking));
    } else if (/case=frames|^\/model\//.test(request.url ?? '')) {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      response.end(frames);
    } else {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': jsonAnswer.length,
        'request-id': 'req_bench',
      });
      response.end(jsonAnswer);
    }
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address && typeof address === 'object') console.log(address.port);
});
