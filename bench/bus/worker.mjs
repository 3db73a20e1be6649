// One contestant written in JavaScript with one case, in a process of its own. It says "ok NAME" when it is ready, its
// name on the bus, and then obeys, a line at a time:
//   run COUNT  → so many operations: nanoseconds of the clock, of the processor
//   begin      → from here on somebody else drives it
//   end COUNT  → waits for so many signals: nanoseconds of the clock, of the processor since begin
//   rss        → the most memory that the process has had, in bytes
// It loads nothing that the contestant does not need: its memory is measured too.
import { readFileSync } from 'node:fs';
import { serveLines } from './lines.mjs';

const [contestant, kind, json] = process.argv.slice(2);
const parameters = JSON.parse(json);

if (kind === 'fake') {
  const { FAKE_SOCKET_PATH, installFakeSocket, lastPeer } = await import('./fake-socket.mjs');
  installFakeSocket();
  parameters.lastPeer = lastPeer;
  parameters.socketPath = FAKE_SOCKET_PATH;
}
parameters.address = `unix:path=${parameters.socketPath}`;
const { kinds } = await import(`./contestants/${contestant}.mjs`);

let started;

function start() {
  started = { time: process.hrtime.bigint(), ...process.cpuUsage() };
}

/** What has passed since `start`. */
function passed() {
  const cpu = process.cpuUsage();
  const time = process.hrtime.bigint();
  return `${time - started.time} ${(cpu.user + cpu.system - started.user - started.system) * 1000}`;
}

/** Linux counts by process and not by what was started before it in the same one. */
function peakMemory() {
  try {
    const [, kibibytes] = readFileSync('/proc/self/status', 'latin1').match(/VmHWM:\s*(\d+)/);
    return Number(kibibytes) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

let opened;
try {
  if (kinds[kind] === undefined) throw new Error(`it has nothing to set against "${kind}"`);
  opened = (await kinds[kind](parameters)) ?? {};
  process.stdout.write(`ok ${opened.name ?? ''}\n`);
} catch (error) {
  process.stdout.write(`error ${String(error?.message ?? error).replaceAll('\n', ' ').slice(0, 300)}\n`);
  process.exit(1);
}

await serveLines({
  async run(count) {
    start();
    await opened.run(Number(count));
    const result = passed();
    await opened.undo?.();
    return result;
  },
  begin() {
    opened.counter?.begin();
    start();
  },
  async end(count) {
    await opened.counter?.end(Number(count));
    return passed();
  },
  rss: () => peakMemory(),
});
process.exit();
