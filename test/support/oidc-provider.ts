import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createPracticeIdp,
  type PracticeIdp,
  type PracticeIdpOptions,
} from '../../src/gateway/dev/practice-idp.ts';

export interface TestProviderOptions
  extends Partial<
    Pick<PracticeIdpOptions, 'signing' | 'people' | 'clientMetadata' | 'clientId' | 'clientSecret'>
  > {
  /** Where browsers are sent back to. */
  readonly redirectUri?: string;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

/**
 * Answers in place of the provider. `original` asks the real one. Returning nothing leaves the request without an answer;
 * `closed` resolves when whoever asked has hung up.
 */
export type Interceptor = (
  request: SeenRequest,
  original: () => Promise<JsonAnswer>,
  closed: Promise<void>,
) => Promise<JsonAnswer | undefined> | JsonAnswer | undefined;

export interface TestProvider {
  readonly issuer: string;
  readonly origin: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly practice: PracticeIdp;
  /** Everything that was asked, in order. */
  readonly requests: SeenRequest[];
  /** Puts an answer in the place of an endpoint's, e.g. `/token`; undefined gives the real one back. */
  intercept(endpoint: string, interceptor: Interceptor | undefined): void;
  /** Resolves when the next request for this endpoint arrives. */
  asked(endpoint: string): Promise<SeenRequest>;
  close(): Promise<void>;
}

const MOUNT = '/idp';
const PASS = 'x-from-interceptor';

/** A real OpenID provider on its own loopback port, whose endpoints can be made to misbehave one by one. */
export async function startOidcProvider(options: TestProviderOptions = {}): Promise<TestProvider> {
  const {
    clientId = 'gateway',
    clientSecret = 'a client secret of the tests',
    redirectUri = 'http://127.0.0.1:1/oauth/callback',
    ...rest
  } = options;
  const interceptors = new Map<string, Interceptor>();
  const waiting = new Map<string, (request: SeenRequest) => void>();
  const requests: SeenRequest[] = [];
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const practice = createPracticeIdp({
    origin,
    mountPath: MOUNT,
    clientId,
    clientSecret,
    redirectUri,
    ...rest,
  });

  const intercepted = async (
    message: IncomingMessage,
    response: ServerResponse,
    path: string,
    interceptor: Interceptor | undefined,
  ): Promise<void> => {
    const body = await textOf(message);
    const seen = { path, headers: message.headers, form: new URLSearchParams(body) };
    const original = () => ask(`${origin}${message.url}`, message, body);
    requests.push(seen);
    waiting.get(path)?.(seen);
    const closed = new Promise<void>((resolve) => response.once('close', resolve));
    const answer = await (interceptor ? interceptor(seen, original, closed) : original());
    if (!answer) return;
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body));
  };

  server.on('request', (message, response) => {
    const path = (message.url ?? '').split('?')[0]?.slice(MOUNT.length) ?? '';
    const isForMachines = /^\/(token|jwks|me|\.well-known\/.*)$/.test(path);
    if (isForMachines && message.headers[PASS] === undefined) {
      intercepted(message, response, path, interceptors.get(path)).catch(() => response.destroy());
      return;
    }
    if (practice.handle(message, response)) return;
    response.writeHead(404).end();
  });

  return {
    issuer: practice.issuer,
    origin,
    clientId,
    clientSecret,
    redirectUri,
    practice,
    requests,
    intercept(endpoint, interceptor) {
      if (interceptor) interceptors.set(endpoint, interceptor);
      else interceptors.delete(endpoint);
    },
    asked: (endpoint) =>
      new Promise((resolve) => {
        waiting.set(endpoint, resolve);
      }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface SignInOptions {
  /** `sub` of the practice person; default: the first one offered. */
  readonly person?: string;
  /** Stop before a URL that begins with this is asked for. */
  readonly stopAt?: string;
  /** Whose cookies; default: a browser that has none yet. */
  readonly browser?: Browser;
  /** Called with each page before its form is submitted. */
  readonly onPage?: (page: BrowserPage) => void;
}

export interface BrowserPage {
  readonly url: string;
  readonly status: number;
  readonly html: string;
  readonly headers: Headers;
}

/** Plays the browser: keeps cookies, follows redirects, submits each form with its first button, until a page has no form. */
export async function signInWithoutBrowser(url: string, options: SignInOptions = {}): Promise<BrowserPage> {
  const browser = options.browser ?? createBrowser();
  let next: { url: string; form?: URLSearchParams } = { url };
  for (let steps = 0; steps < 25; steps += 1) {
    if (options.stopAt !== undefined && next.url.startsWith(options.stopAt))
      return { url: next.url, status: 0, html: '', headers: new Headers() };
    const response = await browser.fetch(next.url, next.form);
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      next = { url: new URL(location, next.url).href };
      continue;
    }
    const page = {
      url: next.url,
      status: response.status,
      html: await response.text(),
      headers: response.headers,
    };
    options.onPage?.(page);
    const form = formOf(page, options.person);
    if (!form || response.status >= 400) return page;
    next = form;
  }
  throw new Error('the sign-in does not come to an end');
}

/** Keeps cookies by host and path; posts a form as the page's own. */
export interface Browser {
  fetch(url: string, form?: URLSearchParams): Promise<Response>;
}

export function createBrowser(): Browser {
  const cookies = new Map<string, { readonly value: string; readonly path: string; readonly host: string }>();
  return {
    async fetch(url, form) {
      const { host, pathname, origin } = new URL(url);
      const sent = [...cookies].flatMap(([key, cookie]) =>
        cookie.host === host && pathname.startsWith(cookie.path)
          ? [`${key.split(' ')[0]}=${cookie.value}`]
          : [],
      );
      const response = await fetch(url, {
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          ...(sent.length > 0 ? { cookie: sent.join('; ') } : {}),
          ...(form ? { origin, 'sec-fetch-site': 'same-origin' } : {}),
        },
        ...(form ? { method: 'POST', body: form } : {}),
      });
      for (const line of response.headers.getSetCookie()) {
        const [pair = '', ...attributes] = line.split(/; */);
        const [name = '', value = ''] = pair.split(/=(.*)/s);
        const path = attributes.find((a) => /^path=/i.test(a))?.slice(5) ?? '/';
        const isOver = attributes.some((a) => /^(max-age=0|expires=thu, 01 jan 1970.*)$/i.test(a));
        const key = `${name} ${host} ${path}`;
        if (isOver) cookies.delete(key);
        else cookies.set(key, { value, path, host });
      }
      return response;
    },
  };
}

/** The page's first form with its hidden fields and the button to press. */
function formOf(
  page: BrowserPage,
  person: string | undefined,
): { url: string; form: URLSearchParams } | undefined {
  const [, attributes, inner] = /<form([^>]*)>(.*?)<\/form>/s.exec(page.html) ?? [];
  if (attributes === undefined || inner === undefined) return undefined;
  if (attributeOf(attributes, 'method')?.toLowerCase() !== 'post') return undefined;
  const form = new URLSearchParams();
  for (const [tag] of inner.matchAll(/<input[^>]*>/g)) {
    const name = attributeOf(tag, 'name');
    if (name !== undefined) form.set(name, attributeOf(tag, 'value') ?? '');
  }
  const buttons = [...inner.matchAll(/<button[^>]*>/g)].map(([tag]) => tag);
  const button =
    buttons.find((tag) => person !== undefined && attributeOf(tag, 'value') === person) ?? buttons[0];
  const name = button === undefined ? undefined : attributeOf(button, 'name');
  if (button !== undefined && name !== undefined) form.set(name, attributeOf(button, 'value') ?? '');
  return { url: new URL(attributeOf(attributes, 'action') ?? page.url, page.url).href, form };
}

function attributeOf(tag: string, name: string): string | undefined {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return found?.replace(/&(amp|lt|gt|quot|#39);/g, (_, entity: string) => ENTITIES[entity] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

async function ask(url: string, message: IncomingMessage, body: string): Promise<JsonAnswer> {
  const headers: Record<string, string> = { [PASS]: '1' };
  for (const name of ['authorization', 'content-type', 'accept']) {
    const value = message.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  const method = message.method ?? 'GET';
  const response = await fetch(url, { method, headers, ...(method === 'POST' ? { body } : {}) });
  const challenge = response.headers.get('www-authenticate');
  return {
    status: response.status,
    body: (await response.json()) as Record<string, unknown>,
    ...(challenge === null ? {} : { headers: { 'www-authenticate': challenge } }),
  };
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
