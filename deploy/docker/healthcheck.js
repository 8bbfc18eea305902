// Ends with 0 if the gateway in this container answers at SALLYPORT_HEALTH_URL with 200, else with 1 and the reason.
import http from 'node:http';
import https from 'node:https';

const url = new URL(process.env.SALLYPORT_HEALTH_URL ?? 'http://127.0.0.1:8080/healthz');
const { get } = url.protocol === 'https:' ? https : http;
const fail = (reason) => {
  console.error(reason);
  process.exit(1);
};

// The certificate is for the name that developers use; this is the same machine.
get(url, { timeout: 4_000, rejectUnauthorized: false }, ({ statusCode }) =>
  statusCode === 200 ? process.exit(0) : fail(`${url.href} answered ${statusCode}`),
)
  .on('timeout', () => fail(`${url.href} did not answer`))
  .on('error', ({ message }) => fail(message));
