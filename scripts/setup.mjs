// Makes a fresh clone ready: installs the development packages and builds dist/, each only when it is due.
// Runs before anything is installed, so Node's built-ins are all it may use. Two runs at once wait for each other.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { statSync, symlinkSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = join(root, '.setup-lock');

/** Installs and builds what is missing or out of date; prints a line only about what it does. */
async function setup() {
  if (isInstalled() && isBuilt()) return;
  await withLock(async () => {
    if (!isInstalled()) await install();
    if (!isBuilt()) await build();
  });
}

// npm writes this file as the last step of an install: what is in it is what node_modules holds.
const readInstalled = () => readJson('node_modules/.package-lock.json')?.packages;

function isInstalled() {
  const installed = readInstalled();
  const wanted = readJson('package-lock.json')?.packages;
  if (installed === undefined || wanted === undefined) return false;
  const fitsHere = ({ os, cpu }) =>
    (os?.includes(process.platform) ?? true) && (cpu?.includes(process.arch) ?? true);
  const isRight = (path, entry) => wanted[path]?.integrity === entry.integrity && fitsHere(entry);
  const mayBeMissing = (path, entry) => path === '' || entry.optional === true || path in installed;
  return (
    Object.entries(installed).every(([path, entry]) => isRight(path, entry)) &&
    Object.entries(wanted).every(([path, entry]) => mayBeMissing(path, entry))
  );
}

/** An npm that runs this hands its own settings down: those of `npm install --global` or `npm pack --dry-run`, say. */
const HERE = ['--no-global', '--no-dry-run', '--package-lock', '--no-package-lock-only'];

async function install() {
  console.log('Installing the development packages (npm ci) …');
  const flags = ['ci', '--include=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...HERE];
  // npm names itself to the scripts that it runs; another package manager would name itself too.
  const npm = process.env.npm_execpath;
  if (npm !== undefined && basename(npm) === 'npm-cli.js') await run(process.execPath, [npm, ...flags]);
  else await run('npm', flags);
}

/** Every source file has declarations, every door and program its file, and all are newer than what they are made of. */
function isBuilt() {
  const sources = filesBelow('src').filter((file) => file.endsWith('.ts'));
  const declarations = filesBelow('dist').filter((file) => file.endsWith('.d.ts'));
  if (declarations.length !== sources.length) return false; // some are without a source
  const outputs = [
    ...sources.map((file) => file.replace(/^src(.*)\.ts$/, 'dist$1.d.ts')),
    ...loadedFiles().map((file) => join('dist', file)),
  ];
  const age = (file) => statSync(join(root, file), { throwIfNoEntry: false })?.mtimeMs; // missing: compares as false
  const inputs = [
    ...sources, 'tsconfig.json', 'tsconfig.pure.json', 'scripts/build.mjs', 'node_modules/.package-lock.json',
  ];
  return Math.max(...inputs.map(age)) <= Math.min(...outputs.map(age));
}

/** The files of the doors and the programs, as package.json names them. */
function loadedFiles() {
  const { exports: doors = {}, bin = {} } = readJson('package.json') ?? {};
  const files = [...Object.values(doors).map((door) => door.default), ...Object.values(bin)];
  return files.filter((file) => file !== undefined).map((file) => file.replace(/^(\.\/)?dist\//, ''));
}

/** Builds in a folder beside dist/ and swaps the two, so that a program that runs meanwhile sees no half-built code. */
async function build() {
  console.log('Building dist/ …');
  const leftOver = readdirSync(root).filter((name) => name.startsWith('dist-')); // by a run that was interrupted
  for (const name of leftOver) rmSync(join(root, name), { recursive: true, force: true });
  const fresh = join(root, `dist-${process.pid}`); // as deep as dist/: the source maps hold relative paths
  try {
    await run(process.execPath, [join(root, 'scripts/build.mjs'), relative(root, fresh)]);
    const old = `${fresh}-old`;
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old);
    renameSync(fresh, join(root, 'dist'));
    rmSync(old, { recursive: true, force: true });
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Holds the lock while it works. The lock names the process that holds it; that of a dead process is broken. */
async function withLock(work) {
  const release = () => rmSync(lock, { force: true });
  for (let told = false; !tryLock(); told = true) {
    const holder = lockHolder();
    if (holder !== undefined && !isAlive(holder)) release();
    else if (!told) console.log(`Waiting for another run to set up (process ${holder}) …`);
    await sleep(100);
  }
  process.once('exit', release);
  await work();
  release();
}

function tryLock() {
  try {
    symlinkSync(String(process.pid), lock); // unlike writing a file, this puts name and content there in one step
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

function lockHolder() {
  try {
    return Number(readlinkSync(lock));
  } catch {
    return undefined; // released in the meantime
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function run(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
  const passOn = (signal) => child.kill(signal); // and stay until it has ended: the lock must outlive it
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, passOn);
  const reason = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(signal === null ? `exit code ${status}` : `ended by ${signal}`));
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, passOn);
  if (reason !== 'exit code 0') throw new SetupFailed(`${[command, ...args].join(' ')}: ${reason}`);
}

class SetupFailed extends Error {}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8'));
  } catch {
    return undefined;
  }
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'));
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`dbus-wire needs Node 20.19 or newer; this is ${process.version}.`);
  process.exitCode = 1;
} else {
  await setup().catch((error) => {
    if (!(error instanceof SetupFailed)) throw error;
    console.error(`Set-up failed: ${error.message}`);
    process.exitCode = 1;
  });
}
