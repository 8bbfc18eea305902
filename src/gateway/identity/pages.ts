import { CodedError } from '../../kernel/coded-error.ts';
import { oauthError } from '../errors.ts';
import type { Accepted, Reply, ReplyHeaders } from '../exchange.ts';
import { PAGE_STYLE, STYLE_HASH } from './page-style.ts';

export interface PagesOptions {
  readonly publicUrl: string;
  readonly version: string;
  /** Where forms may lead besides the gateway itself: the provider's authorization endpoint, `oidc.form_action_origins`. */
  readonly formActionOrigins: readonly string[];
  /** `gateway --dev`: every page says that this is for practice. */
  readonly isPractice: boolean;
}

export interface GrantView {
  readonly userCode: string;
  /** As it named itself. */
  readonly program: string | undefined;
  readonly clientIp: string;
  readonly createdAtMs: number;
  /** The browser's own address, when it differs from the one that asked. */
  readonly browserIp: string | undefined;
  readonly loginNotice: string | undefined;
}

export interface Pages {
  landing(request: Accepted, reply: Reply): void;
  enterCode(request: Accepted, reply: Reply, problem?: string): void;
  confirm(request: Accepted, reply: Reply, grant: GrantView): void;
  denied(request: Accepted, reply: Reply): void;
  signedIn(request: Accepted, reply: Reply, account: string, headers: ReplyHeaders): void;
  error(error: unknown, request: Accepted, reply: Reply): void;
}

interface Page {
  readonly status?: number;
  readonly title: string;
  readonly body: string;
  readonly headers?: ReplyHeaders;
}

const RETRY_SECONDS = 10;

/** The gateway's own pages: no script, one style, every value escaped; they work with a keyboard, on a phone, in the dark. */
export function createPages({ publicUrl, version, formActionOrigins, isPractice }: PagesOptions): Pages {
  const csp = [
    "default-src 'none'",
    `style-src '${STYLE_HASH}'`,
    `form-action ${["'self'", ...new Set(formActionOrigins)].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const standing: ReplyHeaders = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': csp,
    // `no-referrer` would turn the form's own Origin into `null`.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
  };

  const send = (request: Accepted, reply: Reply, { status = 200, title, body, headers }: Page): void => {
    const practice = isPractice
      ? '<p class="notice" role="note">This is a practice gateway. Nothing here is real: do not type a real password.</p>'
      : '';
    const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · Sallyport</title><style>${PAGE_STYLE}</style></head>
<body><header>Sallyport <span>gateway</span></header>
<main>${practice}<h1>${escaped(title)}</h1>${body}</main>
<footer>${escaped(publicUrl)}<br>Request ${escaped(request.requestId)}</footer></body></html>
`;
    reply.send(status, { ...standing, ...headers }, html);
  };

  return {
    landing(request, reply) {
      send(request, reply, {
        title: 'A gateway to Claude models',
        body: `<p>This is a Sallyport gateway, version ${escaped(version)}. Sign in once with your company account; your tools then reach the models you may use.</p>
<p>From a terminal:</p><pre><code>npx sallyport login --gateway-url ${escaped(publicUrl)}
npx sallyport ask "hello"</code></pre>
<p>In Claude Code, run <code>/login</code>: it opens on this gateway if your organisation's managed settings name it.</p>
<p>Have a code? <a href="/device">Enter it here</a>.</p>`,
      });
    },
    enterCode(request, reply, problem) {
      const notice = problem ? `<p class="notice" role="alert">${escaped(problem)}</p>` : '';
      send(request, reply, {
        status: problem ? 400 : 200,
        title: 'Enter the code from your device',
        body: `${notice}<p>Your terminal shows eight letters. Type them here only if you started the sign-in yourself.</p>
<form method="get" action="/device"><label for="user_code">Code</label>
<input id="user_code" name="user_code" required autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="12" placeholder="XXXX-XXXX"${problem ? ' aria-invalid="true"' : ''}>
<div class="actions"><button type="submit">Continue</button></div></form>`,
      });
    },
    confirm(request, reply, grant) {
      const elsewhere = grant.browserIp
        ? `<p class="notice" role="alert">The sign-in was started from ${escaped(grant.clientIp)}, but this browser comes from ${escaped(grant.browserIp)}. If somebody sent you this link, choose Deny.</p>`
        : '';
      const operatorNotice = grant.loginNotice ? `<p>${escaped(grant.loginNotice)}</p>` : '';
      send(request, reply, {
        title: 'Is this you?',
        body: `${elsewhere}<p>A program wants to use this gateway in your name. Continue only if you started it and the code is the one it shows.</p>
<dl><dt>Code</dt><dd class="code">${escaped(grant.userCode)}</dd>
<dt>Program</dt><dd>${escaped(grant.program ?? 'not named')}</dd>
<dt>Asked from</dt><dd>${escaped(grant.clientIp)}</dd>
<dt>Asked at</dt><dd>${escaped(new Date(grant.createdAtMs).toISOString().replace('T', ' ').slice(0, 19))} UTC</dd></dl>${operatorNotice}
<form method="post" action="/device"><input type="hidden" name="user_code" value="${escaped(grant.userCode)}">
<div class="actions"><button type="submit" name="action" value="continue">Continue to sign in</button>
<button class="quiet" type="submit" name="action" value="deny">Deny</button></div></form>`,
      });
    },
    denied(request, reply) {
      send(request, reply, {
        title: 'Sign-in denied',
        body: '<p>The program that asked has been turned away. You can close this page.</p>',
      });
    },
    signedIn(request, reply, account, headers) {
      send(request, reply, {
        headers,
        title: 'You are signed in',
        body: `<p>Signed in as <strong>${escaped(account)}</strong>.</p><p>Return to your terminal; you can close this page.</p>`,
      });
    },
    error(error, request, reply) {
      send(request, reply, errorPage(error));
    },
  };
}

/** What a person is told. The reason of a refusal is in the audit log, under the request id on the page. */
function errorPage(error: unknown): Page {
  const { code, facts } =
    error instanceof CodedError ? error : { code: 'internal', facts: {} as CodedError['facts'] };
  const retryAfterSeconds = Number(facts['retryAfterSeconds'] ?? RETRY_SECONDS);
  const retry = { 'retry-after': String(retryAfterSeconds) };
  switch (code) {
    case 'csrf_rejected':
      return {
        status: 403,
        title: 'This request came from another site and was blocked',
        body: '<p>Open the link from your terminal again and use the buttons on this gateway’s own page.</p>',
      };
    case 'link_expired': {
      const why = typeof facts['sentence'] === 'string' ? `<p>${escaped(facts['sentence'])}</p>` : '';
      return {
        status: 400,
        title: 'This sign-in link has expired',
        body: `<p>You are not signed in by it: this sign-in link has expired, was used already, or was opened in another browser than the one it began in. A link is good for ten minutes and for one sign-in.</p>${why}
<p>What to do: run <code>sallyport login</code> again (in Claude Code, <code>/login</code>) and open the new link.</p>`,
      };
    }
    case 'sign_in_refused':
      return {
        status: 403,
        title: 'Sign-in could not be completed',
        body: '<p>Your account was not accepted here. If you think it should be, give your operator the request id below.</p>',
      };
    case 'rate_limited':
      return {
        status: 429,
        title: 'Too many attempts',
        body: `<p>Too many attempts came from your network address. Try again in ${minutes(retryAfterSeconds)}.</p><p>Operators: the setting is <code>rate_limits.device_verify</code>.</p>`,
        headers: retry,
      };
    case 'store_unavailable':
      return {
        status: 503,
        title: 'Sign-in is not possible right now',
        body: '<p>The gateway cannot reach its store. People who are signed in can go on working. Try again in a moment.</p>',
        headers: retry,
      };
    case 'idp_unreachable':
    case 'idp_misconfigured':
      return {
        status: 503,
        title: 'Sign-in could not be completed',
        body: '<p>The gateway could not get an answer from your organisation’s identity provider. Open the link from your terminal again in a moment; if it goes on, give your operator the request id below.</p>',
        headers: retry,
      };
    case 'idp_answer':
      return {
        status: 503,
        title: 'Sign-in could not be completed',
        body: '<p>The gateway could not accept the answer of your organisation’s identity provider; this says nothing about your account. Open the link from your terminal again; if it goes on, give your operator the request id below.</p>',
        headers: retry,
      };
    default: {
      const { status, headers } = oauthError(error);
      return status < 500
        ? {
            status,
            headers,
            title: 'That did not work',
            body: '<p>The page was asked for in a way it does not understand. Start again from your terminal.</p>',
          }
        : {
            status,
            headers,
            title: 'Something went wrong',
            body: '<p>Give your operator the request id below.</p>',
          };
    }
  }
}

function minutes(seconds: number): string {
  const whole = Math.ceil(seconds / 60);
  return whole === 1 ? '1 minute' : `${whole} minutes`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
