// The buses that are compared, each a process of its own with a socket of its own, and the processor time that they
// have used. They are ended by their processes, never by their names.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '../bus/daemon.mjs';

const CONTROLLER = fileURLToPath(new URL('../../test/support/broker.py', import.meta.url));
const BROKER_LIMITS = [
  '--max-bytes', '1000000000', '--max-fds', '100000', '--max-matches', '1000000', '--max-objects', '1000000',
];

/** The python of the distribution, which has the modules of the distribution. */
const PYTHON = '/usr/bin/python3';

/** Starts a program that listens at a path and then prints a line. */
async function startProgram(name, makeCommand) {
  const directory = mkdtempSync(join(tmpdir(), 'bench-bus-'));
  const socketPath = join(directory, 'bus');
  const [command, ...args] = makeCommand(socketPath);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (said) => (complaints = (complaints + said).slice(-1000)));
  const cleanUp = () => {
    child.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const exited = new Promise((resolve) => child.once('close', resolve));
  const ended = exited.then(() => Promise.reject(new Error(`${name} ended: ${complaints.trim()}`)));
  ended.catch(() => {}); // later it ends because it must
  try {
    const failed = once(child, 'error').then(([error]) => Promise.reject(error));
    await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed, ended]);
  } catch (error) {
    cleanUp();
    throw error;
  }
  async function stop() {
    child.kill('SIGTERM');
    await exited;
    cleanUp();
    process.removeListener('exit', cleanUp);
  }
  return { pid: child.pid, socketPath, stop };
}

/** The only child of a process. */
function childOf(pid) {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim());
}

/** Starts our own bus from a build of its program. */
export const startOurs = (program, flags = []) =>
  startProgram('dbus-wire-bus', (path) => [
    process.execPath, ...flags, program, `--address=unix:path=${path}`, '--nofork', '--print-address',
  ]);

export const startDbusDaemon = () => startDaemon();

/** The script that starts the broker is not measured. */
export async function startBroker() {
  const bus = await startProgram('dbus-broker', (path) => [PYTHON, CONTROLLER, path, ...BROKER_LIMITS]);
  return { ...bus, pid: childOf(bus.pid) };
}

/** The processor time that all threads of a process have used, of user and kernel, in nanoseconds. */
export function cpuOf(pid) {
  let total = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
    } catch (error) {
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error; // the thread has ended
    }
  }
  return total;
}
