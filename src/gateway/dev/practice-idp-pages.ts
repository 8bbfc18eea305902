import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { PracticePerson } from './practice-people.ts';

const STYLE = `
:root{color-scheme:light dark;--paper:#eef1f6;--card:#fff;--ink:#1c2330;--soft:#566072;--line:#ccd3df;--accent:#2d4f9e;--note:#6a4600;--note-paper:#fdf1d8}
@media(prefers-color-scheme:dark){:root{--paper:#12161e;--card:#1b212c;--ink:#e8ebf1;--soft:#a4adbd;--line:#363f4f;--accent:#9db8f5;--note:#f2cd86;--note-paper:#33290f}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;padding:1.5rem 1rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:32rem;margin:0 auto;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.5rem}
h1{margin:0 0 .75rem;font-size:1.4rem;line-height:1.25}
p{margin:0 0 1rem;overflow-wrap:anywhere}
.note{border-left:.3rem solid var(--note);background:var(--note-paper);color:var(--note);padding:.7rem .9rem;border-radius:.25rem}
ul{list-style:none;margin:0 0 1.25rem;padding:0;display:grid;gap:.75rem}
button{width:100%;padding:.8rem 1rem;font:inherit;text-align:left;color:var(--ink);background:transparent;border:1px solid var(--accent);border-radius:.5rem;cursor:pointer}
button strong,button span{display:block;overflow-wrap:anywhere}
button span{color:var(--soft)}
button:hover{border-width:2px;padding:calc(.8rem - 1px) calc(1rem - 1px)}
button.quiet{border-color:var(--soft);text-align:center}
button:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
`;
const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`;

/** The pages of the practice provider: own styles, no script, every value escaped. */
export interface PracticePages {
  choose(response: ServerResponse, people: readonly PracticePerson[], clientId: string): void;
  problem(response: ServerResponse, status: number, sentence: string): void;
}

/** `formTargets` are the origins that a submitted form leads to in the end: browsers check redirects against the policy too. */
export function createPracticePages(formTargets: readonly string[]): PracticePages {
  const headers = {
    ...practicePageHeaders(formTargets),
    'content-type': 'text/html; charset=utf-8',
  };
  const send = (response: ServerResponse, status: number, title: string, body: string): void => {
    response.writeHead(status, headers);
    response.end(practicePage(title, body));
  };

  return {
    choose(response, people, clientId) {
      const choices = people.map(
        ({ sub, name, email, groups, about }) =>
          `<li><button name="person" value="${escaped(sub)}"><strong>${escaped(name)}</strong><span>${escaped(email)}, ${escaped(about)} (group ${escaped(groups.join(', '))})</span></button></li>`,
      );
      send(
        response,
        200,
        'Choose who you are',
        `<p>The gateway <strong>${escaped(clientId)}</strong> asks who is signing in. Pick one of these invented people; there are no passwords.</p>
<form method="post"><ul>${choices.join('')}</ul>
<button class="quiet" name="person" value="">Cancel the sign-in</button></form>`,
      );
    },
    problem(response, status, sentence) {
      send(response, status, 'This did not work', `<p>${escaped(sentence)}</p>`);
    },
  };
}

/** `body` is HTML. */
function practicePage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · practice identity provider</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
<p class="note"><strong>For practice only.</strong> This identity provider is part of <code>gateway --dev</code>. It checks nothing and must never guard anything real.</p>
${body}
</main>
</body>
</html>
`;
}

function practicePageHeaders(formTargets: readonly string[]): Readonly<Record<string, string>> {
  const formAction = ["'self'", ...new Set(formTargets)].join(' ');
  return {
    'content-security-policy': `default-src 'none'; style-src '${STYLE_HASH}'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (c) => entities[c] ?? c);
}
