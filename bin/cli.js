#!/usr/bin/env node
// Starts the program on a Node that can run it. This file must stay loadable by old versions: it imports nothing statically.
const [major = 0, minor = 0, patch = 0] = process.versions.node
  .split('.')
  .map((part) => Number.parseInt(part, 10));
const supported =
  major >= 26 ||
  (major === 24 && minor >= 15) ||
  (major === 22 && (minor > 22 || (minor === 22 && patch >= 2)));

if (supported || process.env.SALLYPORT_RELAUNCHED) {
  // For this process only: what it starts may be another checkout's program.
  delete process.env.SALLYPORT_RELAUNCHED;
  const { existsSync } = await import('node:fs');
  const source = new URL('../src/cli.ts', import.meta.url);
  // A checkout runs its sources (Node strips the types); the packed package has no src/ and runs the bundle.
  const entry = existsSync(source) ? source : new URL('../dist/cli.js', import.meta.url);
  const { main } = await import(entry.href);
  await main();
} else {
  await relaunch();
}

/** Re-runs this command on the Node that the checkout pins, handing signals and the exit code through. */
async function relaunch() {
  const { createRequire } = await import('node:module');
  const { dirname, join } = await import('node:path');
  const { spawn } = await import('node:child_process');
  const require = createRequire(import.meta.url);
  let node;
  try {
    node = join(
      dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin/node',
    );
  } catch {
    console.error(
      `sallyport needs Node 22 (from 22.22.2), 24 (from 24.15) or 26 and newer; this is ${process.version}.`,
    );
    console.error(
      'Install one of them. In a checkout, npm ci brings one along: node bin/cli.js finds it by itself then.',
    );
    process.exit(1);
  }
  const child = spawn(node, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...process.env, SALLYPORT_RELAUNCHED: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child itself; twice would mean to hurry.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  child.on('exit', (code, signal) => {
    if (signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
