// `npm run demo`: the main job in front of your eyes. The service and the client talk over a real message bus: the
// session bus if there is one, else a private dbus-daemon, else dbus-wire-bus. However it ends, nothing stays running.

import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

const NAME = 'com.larry-price.test';
const PATH = '/com/larry_price/test/RandomData';
const INTERFACE = 'com.larry_price.test.RandomData';
const START_TIMEOUT = 15_000; // ms until a program must have said that it is ready
const RUN_TIMEOUT = 30_000; // ms until a program must be done
const STOP_TIMEOUT = 5_000; // ms between asking a program to end and killing it

const program = (name) => fileURLToPath(new URL(`../dist/dbus-wire-${name}.js`, import.meta.url));
const colored = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const style = (format, text) => (colored ? styleText(format, text) : text);
const say = (text) => console.log(`\n${style('cyan', `# ${text}`)}`);
const note = (text) => console.log(style('dim', text));
const show = (command) => console.log(style('bold', `$ ${command}`));

/** Programs that run, in the order of their start. */
const running = new Set();
let scratch;

class DemoFailed extends Error {}

async function demo() {
  const service = (await startOnSessionBus()) ?? (await startOnPrivateBus());

  say('A client asks for a random number: of 16 bits by default, or of as many as you like.');
  await client([], service);
  await client(['100'], service);
  await client(['4'], service);

  say('An argument that is not a number of bits is refused.');
  await client(['lots'], service, { code: 1 });

  say('A slow number: one random bit at a time, with signals that report the progress.');
  await slowClient(['--slow', '8'], service);

  await foreignClient(service);

  say('Ctrl-C ends the service: it gives up its name, answers what it has accepted, and is gone.');
  service.child.kill('SIGINT');
  await inTime(service.ended, STOP_TIMEOUT, 'The service does not end');
  if (service.child.exitCode !== 0) throw new DemoFailed(`The service ended with ${outcome(service.child)}.`);

  console.log(`\n${style('green', 'Done.')} To do it yourself${scratch === undefined ? '' : BUS_HINT}:`);
  if (scratch !== undefined) {
    show(isInstalled('dbus-run-session') ? 'dbus-run-session -- sh' : 'node dist/dbus-wire-bus.js run -- sh');
  }
  show('node dist/dbus-wire-service.js &');
  show('node dist/dbus-wire-client.js 100');
}

/** The reason for one more command: without a session bus the programs find nothing to connect to. */
const BUS_HINT = ', in a shell with a bus of its own';

// --- the bus and the service ---

async function startOnSessionBus() {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: runtime } = process.env;
  if (!address && !(runtime && existsSync(join(runtime, 'bus')))) {
    say('There is no session bus here.');
    return undefined;
  }
  say('The environment names a session bus; the service takes its name there.');
  return await startService(process.env);
}

async function startOnPrivateBus() {
  scratch = mkdtempSync(join(tmpdir().length < 80 ? tmpdir() : '/tmp', 'dbus-wire-demo-'));
  const address = `unix:path=${escapeAddress(join(scratch, 'bus'))}`;
  say('A private bus, for this demo only; the service takes its name there.');
  const { name, command, args, shown } = busProgram(address);
  const log = join(scratch, 'log'); // what the bus says about limits and the like is of interest only if it fails
  const bus = launch(command, args, { stdio: ['ignore', 'pipe', openSync(log, 'a')] });
  show(shown);
  const { matched } = follow(bus, { pattern: /^unix:/, label: 'bus' });
  if (!(await inTime(matched, START_TIMEOUT, `${name} does not start`))) {
    throw new DemoFailed(`${name} ended with ${outcome(bus)}: ${readFileSync(log, 'utf8').trim()}`);
  }
  const service = await startService({ ...process.env, DBUS_SESSION_BUS_ADDRESS: address });
  if (service === undefined) throw new DemoFailed('The service did not start on the private bus.');
  return service;
}

/** The program that is the bus: dbus-daemon if it is installed, otherwise the one of this package. */
function busProgram(address) {
  if (!isInstalled('dbus-daemon')) {
    const args = [program('bus'), '--address', address, '--print-address'];
    return { name: 'dbus-wire-bus', command: process.execPath, args, shown: 'dbus-wire-bus --print-address …' };
  }
  const file = join(scratch, 'bus.conf');
  writeFileSync(file, busConfiguration(address));
  const args = [`--config-file=${file}`, '--nofork', '--nopidfile', '--print-address'];
  return { name: 'dbus-daemon', command: 'dbus-daemon', args, shown: 'dbus-daemon --nofork --print-address …' };
}

/** Resolves to undefined if the service cannot run on that bus; the service has then said why. */
async function startService(env) {
  const args = ['--interval', '150'];
  show(`dbus-wire-service ${args.join(' ')} &`);
  const child = launch(process.execPath, [program('service'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const { matched, ended } = follow(child, { pattern: /^ready /, label: 'service' });
  const late = new Promise((resolve) => setTimeout(resolve, START_TIMEOUT, false).unref());
  if (await Promise.race([matched, late])) return { child, env, ended };
  await stop(child);
  return undefined;
}

function busConfiguration(address) {
  return `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>${address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;
}

/** Percent-encodes what may not stand in an address as it is; also makes it fit for XML. */
function escapeAddress(path) {
  const escape = (character) => Buffer.from(character).toString('hex').replace(/../g, '%$&');
  return path.replace(/[^-\w/.]/gu, escape);
}

// --- the clients ---

async function client(args, service, { code = 0 } = {}) {
  const command = ['dbus-wire-client', ...args].join(' ');
  show(command);
  const child = launch(process.execPath, [program('client'), ...args], { env: service.env, stdio: OUTPUT });
  await expectEnd(child, command, code);
  if (code !== 0) console.log(style('dim', `(exit code ${code})`));
}

/** In a terminal the client draws its progress bar; elsewhere the signals are shown as another program sees them. */
async function slowClient(args, service) {
  if (process.stderr.isTTY === true) return await client(args, service);
  if (!isInstalled('gdbus')) {
    note('(gdbus is not installed: the signals are not shown.)');
    return await client(args, service);
  }
  show(`gdbus monitor --session --dest ${NAME} &`);
  const monitor = launch('gdbus', ['monitor', '--session', '--dest', NAME], {
    env: service.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { matched, ended } = follow(monitor, { pattern: /is owned by/, label: 'gdbus' });
  await inTime(matched, START_TIMEOUT, 'gdbus does not start');
  await client(args, service);
  await sleep(200); // gdbus may get the result a little later than the client
  await stop(monitor);
  await ended;
}

async function foreignClient(service) {
  const callers = [
    ['busctl', '--user', 'call', NAME, PATH, INTERFACE, 'quick', 'i', '64'],
    ['gdbus', 'call', '--session', '--dest', NAME, '--object-path', PATH, '--method', `${INTERFACE}.quick`, '64'],
    ['dbus-send', '--session', '--print-reply', `--dest=${NAME}`, PATH, `${INTERFACE}.quick`, 'int32:64'],
  ];
  const caller = callers.find(([name]) => isInstalled(name));
  if (caller === undefined) {
    note('(busctl, gdbus and dbus-send are not installed: the call from a foreign program is skipped.)');
    return;
  }
  say('The same call from a program that knows nothing of us.');
  const [command, ...args] = caller;
  show(caller.join(' '));
  await expectEnd(launch(command, args, { env: service.env, stdio: OUTPUT }), command, 0);
}

const OUTPUT = ['ignore', 'inherit', 'inherit'];

async function expectEnd(child, command, code) {
  await inTime(once(child, 'close'), RUN_TIMEOUT, `${command} does not end`);
  if (child.exitCode === code) return;
  throw new DemoFailed(`${command} ended with ${outcome(child)}, not with exit code ${code}.`);
}

// --- programs ---

/** Starts a program in a process group of its own: a Ctrl-C reaches this one alone, which then ends them in order. */
function launch(command, args, options) {
  if (ending) throw new DemoFailed('Interrupted.');
  const child = spawn(command, args, { ...options, detached: true });
  running.add(child);
  child.once('close', () => running.delete(child));
  child.once('error', (error) => {
    running.delete(child);
    end(new DemoFailed(`${command} cannot be started: ${error.message}`));
  });
  return child;
}

/** Prints a background program's lines; `matched` resolves with whether one of them fits before the program ends. */
function follow(child, { pattern, label }) {
  const ended = once(child, 'close');
  const matched = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      let text = '';
      stream?.setEncoding('utf8').on('data', (chunk) => {
        const lines = (text + chunk).split('\n');
        text = lines.pop();
        for (const line of lines) {
          console.log(`${style('dim', `[${label}]`)} ${line}`);
          if (pattern.test(line)) resolve(true);
        }
      });
    }
    ended.then(() => resolve(false));
  });
  return { matched, ended };
}

async function stop(child) {
  if (!running.has(child)) return;
  const ended = once(child, 'close');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT);
  await ended;
  clearTimeout(killer);
}

const once = (child, event) => new Promise((resolve) => child.once(event, resolve));

async function inTime(promise, timeout, problem) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new DemoFailed(`${problem} in ${timeout / 1000} seconds.`)), timeout);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const outcome = ({ exitCode, signalCode }) => (signalCode === null ? `exit code ${exitCode}` : signalCode);

function isInstalled(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

// --- the end ---

let ending = false;

/** Ends what still runs, the last started first, and then this process. */
async function end(error, code = error === undefined ? 0 : 1) {
  if (ending) return;
  ending = true;
  for (const child of [...running].reverse()) await stop(child);
  removeScratch();
  if (error !== undefined) console.error(error instanceof DemoFailed ? style('red', error.message) : error);
  process.exit(code);
}

function removeScratch() {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
}

for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]]) {
  process.on(signal, () => end(undefined, 128 + number));
}
process.on('exit', () => {
  // Something is left here only if an error occurred above.
  for (const child of running) child.kill('SIGKILL');
  removeScratch();
});
process.on('uncaughtException', (error) => end(error));

demo().then(() => end(), end);
