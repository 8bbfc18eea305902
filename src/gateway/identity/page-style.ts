import { createHash } from 'node:crypto';

/** The only style of every page; the content security policy allows it by its hash. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--paper:#f6f5f1;--card:#fff;--ink:#1d2228;--soft:#5a626c;--line:#d9d6cd;--accent:#1f5f52;--on-accent:#fff;--warn:#7a4a00;--warn-paper:#fdf3de}
@media(prefers-color-scheme:dark){:root{--paper:#14181c;--card:#1d2329;--ink:#e9ebee;--soft:#a3acb6;--line:#343c45;--accent:#7fd1bb;--on-accent:#0d1f1a;--warn:#f3cf8b;--warn-paper:#33280f}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif}
header{width:100%;max-width:34rem;padding:2rem 1.25rem .75rem;font-weight:650;letter-spacing:.01em}
header span{color:var(--soft);font-weight:400}
main{width:calc(100% - 2rem);max-width:34rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.75rem 1.5rem;margin:0 1rem}
footer{width:100%;max-width:34rem;padding:1rem 1.25rem 2rem;color:var(--soft);font-size:.85rem;overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.45rem;line-height:1.25}
p{margin:0 0 1rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.4rem 1rem;margin:0 0 1.25rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
code,.code{font-family:ui-monospace,monospace}
pre{overflow-x:auto;padding:.75rem;border:1px solid var(--line);border-radius:.5rem;background:var(--paper)}
.code{font-size:1.35rem;letter-spacing:.12em}
label{display:block;margin-bottom:.35rem;font-weight:600}
input{width:100%;padding:.7rem .8rem;font:inherit;font-family:ui-monospace,monospace;font-size:1.25rem;letter-spacing:.12em;text-transform:uppercase;color:inherit;background:var(--paper);border:1px solid var(--soft);border-radius:.5rem;margin-bottom:1rem}
.actions{display:flex;flex-wrap:wrap;gap:.75rem}
button,.button{flex:1 1 12rem;padding:.75rem 1rem;font:inherit;font-weight:600;text-align:center;border-radius:.5rem;border:1px solid var(--accent);background:var(--accent);color:var(--on-accent);cursor:pointer;text-decoration:none}
button.quiet{background:transparent;color:var(--ink);border-color:var(--soft);flex-grow:0}
button:focus-visible,input:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:3px}
.notice{border-left:.3rem solid var(--warn);background:var(--warn-paper);color:var(--warn);padding:.7rem .9rem;border-radius:.25rem;margin:0 0 1.25rem}
a{color:var(--accent)}
`;

export const STYLE_HASH = `sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}`;
