// The upstream of the benchmark: reads the request, answers a fixed JSON message, or with ?case=sse 150 events at once.
import { createServer } from 'node:http';
import { eventsOfAnswer, jsonAnswer } from './answers.ts';

const events = Buffer.from(eventsOfAnswer.join(''));

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    if (request.url?.includes('case=sse')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' });
      response.end(events);
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
