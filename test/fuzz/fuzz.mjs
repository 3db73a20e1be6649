// Starts the fuzzer: compiles it, together with the sources that it tests, into a temporary folder, and runs it there.
//   npm run fuzz -- [--seconds N (60)] [--seed N (random)] [--case N (one case again)]
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'dbus-wire-fuzz-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

/** Runs Node until it ends; a signal to us is one to it. */
async function node(...args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const passOn = (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, passOn);
  const code = await new Promise((resolve) => child.once('close', (status) => resolve(status ?? 1)));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, passOn);
  if (code !== 0) process.exit(code);
}

writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
const compiler = join(root, 'node_modules/typescript/bin/tsc');
await node(compiler, '-p', join(root, 'test/fuzz/tsconfig.json'), '--outDir', folder);
const program = join(folder, 'test/fuzz/main.js');
await node('--expose-gc', '--enable-source-maps', program, ...process.argv.slice(2));
