import {
  DEVICE_CODE_GRANT,
  type DeviceAuthorizationResponse,
  paths,
  REFRESH_TOKEN_GRANT,
  type TokenResponse,
} from '../../src/kernel/protocol.ts';
import { secretsOfFile } from './leaks.ts';
import { type BrowserPage, signInWithoutBrowser } from './oidc-provider.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Ask {
  readonly method?: string;
  readonly form?: Readonly<Record<string, string>> | URLSearchParams;
  /** A body in place of a form. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The client's address. */
  readonly from?: string;
  readonly bearer?: string;
  readonly cookie?: string;
}

/** One request to a gateway; redirects are answers. */
export async function ask(
  url: string,
  { form, body, headers, from, bearer, cookie, ...rest }: Ask = {},
): Promise<Answer> {
  const content = body ?? (form && new URLSearchParams(form instanceof URLSearchParams ? form : { ...form }));
  const response = await fetch(url, {
    method: rest.method ?? (content === undefined ? 'GET' : 'POST'),
    redirect: 'manual',
    headers: {
      ...(from === undefined ? {} : { 'x-forwarded-for': from }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(cookie === undefined ? {} : { cookie }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

/** What a browser says of a form that the page itself has submitted. */
export const SAME_ORIGIN = { 'sec-fetch-site': 'same-origin' };

interface Place {
  readonly url: string;
}

/** The steps of a sign-in, one by one. */
export function createDeviceFlow({ url }: Place) {
  const token = async (form: Record<string, string>, at = url): Promise<Answer> => {
    const answer = await ask(at + paths.token, { form });
    if (answer.status === 200)
      for (const name of ['access_token', 'refresh_token']) secretsOfFile.add(String(answer.json[name]));
    return answer;
  };

  const start = async (
    form: Record<string, string> = {},
    from?: string,
  ): Promise<DeviceAuthorizationResponse> => {
    const answer = await ask(url + paths.deviceAuthorization, { form, ...(from ? { from } : {}) });
    if (answer.status !== 200) throw new Error(`device authorization: ${answer.status} ${answer.text}`);
    const grant: DeviceAuthorizationResponse = JSON.parse(answer.text);
    for (const code of [grant.device_code, grant.user_code]) secretsOfFile.add(code);
    return grant;
  };
  const poll = (deviceCode: string, at = url) =>
    token({ grant_type: DEVICE_CODE_GRANT, device_code: deviceCode }, at);
  const refresh = (refreshToken: string, at = url) =>
    token({ grant_type: REFRESH_TOKEN_GRANT, refresh_token: refreshToken }, at);
  const revoke = (text: string, at = url) => ask(at + paths.revocation, { form: { token: text } });

  /** The page's own form, submitted. */
  const submit = (userCode: string, action = 'continue', options: Ask = {}) =>
    ask(url + paths.device, { form: { user_code: userCode, action }, headers: SAME_ORIGIN, ...options });

  /** The browser on its way to the provider, as far as the provider's redirect back. */
  const goToProvider = async (userCode: string, person?: string) => {
    const sent = await submit(userCode);
    const location = sent.headers.get('location');
    if (location === null) throw new Error(`no redirect: ${sent.status} ${sent.text}`);
    const back = await signInWithoutBrowser(location, {
      stopAt: url + paths.callback,
      ...(person === undefined ? {} : { person }),
    });
    return { cookie: cookieOf(sent), authorizationUrl: new URL(location), callbackUrl: back.url };
  };

  /** The whole way through the browser; the page it ends with. */
  const approve = (grant: DeviceAuthorizationResponse, person?: string): Promise<BrowserPage> =>
    signInWithoutBrowser(grant.verification_uri_complete, person === undefined ? {} : { person });

  const signIn = async (person?: string, form?: Record<string, string>): Promise<Required<TokenResponse>> => {
    const grant = await start(form);
    await approve(grant, person);
    const answer = await poll(grant.device_code);
    if (answer.status !== 200) throw new Error(`token: ${answer.status} ${answer.text}`);
    return JSON.parse(answer.text);
  };

  /** Asks an endpoint that answers with the caller. */
  const whoAmI = (accessToken: string, at = url) => ask(`${at}/probe`, { bearer: accessToken });

  return { start, poll, refresh, revoke, submit, goToProvider, approve, signIn, whoAmI };
}

/** The cookies an answer sets, as a browser sends them back. */
export function cookieOf(answer: Answer): string {
  return answer.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
}
