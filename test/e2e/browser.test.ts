import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithChromium, launchChromium } from '../support/chromium.ts';
import { createDeviceFlow } from '../support/device-flow.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';

const PHONE = { width: 360, height: 640 };

describeWithChromium('the pages in a real browser', () => {
  let folder: string;
  let gateway: GatewayProcess;
  let browser: Browser;
  let flow: ReturnType<typeof createDeviceFlow>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-browser-'));
    gateway = await startGatewayProcess({ args: ['--data', folder] });
    flow = createDeviceFlow(gateway);
    browser = await launchChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A page that fails the test for anything the browser refuses or cannot load. */
  async function openPage(
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
    return { page, complaints };
  }

  it('sign a person in: confirm, choose who to be, done', async () => {
    const grant = await flow.start();
    const { page, complaints } = await openPage();
    await page.goto(grant.verification_uri_complete);
    expect(await page.textContent('body')).toContain(grant.user_code);
    await page.getByRole('button', { name: 'Continue to sign in' }).click();
    await page.getByRole('button', { name: /Ada Example/ }).click();
    await page.getByText('ada@example.test').first().waitFor();
    expect(await page.textContent('main')).toMatch(/terminal/);
    expect((await flow.poll(grant.device_code)).status).toBe(200);
    expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
    await page.context().close();
  });

  it('work with the keyboard alone, typing the code in lower case and without the dash', async () => {
    const grant = await flow.start();
    const { page } = await openPage();
    await page.goto(grant.verification_uri);
    await page.keyboard.press('Tab');
    for (let steps = 0; steps < 5 && !(await hasFocus(page, 'input')); steps += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.type(grant.user_code.toLowerCase().replace('-', ''));
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Continue to sign in' }).waitFor();
    for (let steps = 0; steps < 8 && !(await hasFocus(page, 'button')); steps += 1)
      await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toContain('Continue to sign in');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: /Ada Example/ }).waitFor();
    await page.context().close();
  });

  it('let a person deny, and the device hears of it', async () => {
    const grant = await flow.start();
    const { page } = await openPage();
    await page.goto(grant.verification_uri_complete);
    await page.getByRole('button', { name: 'Deny' }).click();
    await page.getByRole('heading', { name: /denied/i }).waitFor();
    expect((await flow.poll(grant.device_code)).json['error']).toBe('access_denied');
    await page.context().close();
  });

  it('do without JavaScript', async () => {
    const grant = await flow.start();
    const { page } = await openPage({ javaScriptEnabled: false });
    await page.goto(grant.verification_uri_complete);
    await page.getByRole('button', { name: 'Continue to sign in' }).click();
    await page.getByRole('button', { name: /Pat Example/ }).click();
    await page.getByText('pat@example.test').first().waitFor();
    await page.context().close();
  });

  it.each([
    ['light', 'light'],
    ['dark', 'dark'],
  ] as const)('fit a phone and are readable in the %s', async (_name, colorScheme) => {
    const grant = await flow.start();
    const { page } = await openPage({ viewport: PHONE, colorScheme });
    const everywhere = new Set<string>();
    for (const path of [
      '/',
      '/device',
      '/device?user_code=BCDF-GHJK',
      new URL(grant.verification_uri_complete).pathname + new URL(grant.verification_uri_complete).search,
    ]) {
      await page.goto(gateway.url + path);
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
      const { seen, unreadable } = await page.evaluate<Readability>(READABILITY);
      expect({ path, unreadable }).toEqual({ path, unreadable: [] });
      for (const element of seen) everywhere.add(element);
      expect(await page.getAttribute('html', 'lang')).toBe('en');
    }
    expect([...everywhere]).toEqual(
      expect.arrayContaining(['h1', 'p', 'label', 'input', 'button', 'button.quiet', 'p.notice']),
    );
    await page.context().close();
  });

  it('refuse a form that another site posts', async () => {
    const grant = await flow.start();
    const { page } = await openPage();
    const form = `<form method="post" action="${gateway.url}/device"><input name="user_code" value="${grant.user_code}"><button name="action" value="continue">go</button></form>`;
    await page.route('http://attacker.example/', (route) =>
      route.fulfill({ contentType: 'text/html', body: form }),
    );
    await page.goto('http://attacker.example/');
    await page.getByRole('button').click();
    await page.getByText('This request came from another site and was blocked').waitFor();
    await gateway.event('device.verify', ({ result }) => result === 'csrf_rejected');
    await page.context().close();
  });
});

async function hasFocus(page: Page, element: string): Promise<boolean> {
  return (await page.evaluate('document.activeElement.tagName.toLowerCase()')) === element;
}

/** Where text stands on a page, and the places whose WCAG 2 contrast ratio with what is behind them is below 4.5. */
interface Readability {
  readonly seen: readonly string[];
  readonly unreadable: readonly string[];
}

const READABILITY = `(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((v) => { const s = v / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const isClear = ({ backgroundColor }) => channels(backgroundColor)[3] === 0;
  const behind = (element) => {
    let at = element;
    while (at.parentElement && isClear(getComputedStyle(at))) at = at.parentElement;
    return getComputedStyle(at).backgroundColor;
  };
  const contrast = (element) => {
    const pair = [getComputedStyle(element).color, behind(element)].map((text) => luminance(channels(text)));
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  };
  const holdsText = (element) => element.matches('input') || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
  const elements = [...document.body.querySelectorAll('*')].filter((element) => holdsText(element) && element.checkVisibility());
  const named = (element) => [element.localName, ...element.classList].join('.');
  return {
    seen: elements.map(named),
    unreadable: elements.filter((element) => contrast(element) < 4.5).map((element) => named(element) + ' ' + contrast(element).toFixed(2)),
  };
})()`;
