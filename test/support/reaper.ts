// Child processes and scratch files that cannot outlive the tests.
// One small shell per test worker waits on a pipe that only this worker holds. However the worker ends (done, failed,
// Ctrl-C, SIGKILL), the pipe closes, and the shell kills what is still registered and removes the scratch files.
// Knows nothing about D-Bus.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

// sockaddr_un.sun_path holds 108 bytes with its NUL; the rest is room for `/<n>/<file>` below the scratch directory.
const MAX_SCRATCH_ROOT = 107 - 27;

// A number is the leader of its own process group, so that what a program has started goes with it.
const SCRIPT = `
trap '' INT TERM HUP
pids=' '
while read -r operation pid; do
  case $operation in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf -- "$1"
`;

interface Reaper {
  readonly scratch: string;
  readonly orders: Writable;
}

let reaper: Reaper | undefined;
let scratchCount = 0;

/** The directory of all scratch files of this process. */
export function scratchRoot(): string {
  reaper ??= startReaper();
  return reaper.scratch;
}

/** A new empty directory with a path short enough for sockets in it; it goes away with this process at the latest. */
export function scratchDirectory(): string {
  const directory = join(scratchRoot(), String(scratchCount++));
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** Registers a child started with `detached: true`: if this process ends first, the child's group is killed. */
export function adopt(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return; // it never started
  reaper ??= startReaper();
  const { orders } = reaper;
  orders.write(`+ ${pid}\n`);
  child.once('close', () => orders.write(`- ${pid}\n`));
}

/**
 * Kills a child started with `detached: true` and the processes that it started.
 * The output of the child must still be open: then its group has a process, and the id is not used again yet.
 */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: the group has no process any more
  }
}

function startReaper(): Reaper {
  // Without this, a worker would continue to the end of its test after vitest itself has ended.
  process.once('disconnect', () => process.exit(1));
  // Characters that need no escape in an address, a configuration file or a command line.
  const usable = /^[-\w./]+$/.test(tmpdir()) && join(tmpdir(), 'dbus-wire-XXXXXX').length <= MAX_SCRATCH_ROOT;
  const scratch = mkdtempSync(join(usable ? tmpdir() : '/tmp', 'dbus-wire-'));
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'reaper', scratch], {
    detached: true, // a Ctrl-C in the terminal must not reach it
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  shell.unref();
  const orders = shell.stdin;
  (orders as typeof orders & { unref(): void }).unref(); // a socket in fact; it must not keep the worker alive
  return { scratch, orders };
}
