// Puts the bus into the background. Node cannot fork: this process starts the program again, detached, waits until its
// bus is ready, prints the address and the process id, and ends. The two processes communicate over the IPC channel of
// Node. Tests: program.test.ts. (Not in the specification; dbus-daemon(1), --fork.)
import { spawn, type StdioOptions } from 'node:child_process';
import { announceBus, type ReadyBus } from './announce.js';
import type { ServeSettings } from './command-line.js';
import type { Complain } from './chosen-bus.js';
import { EXIT } from './failures.js';

/** A report of the process in the background, before its bus is ready or when it is. */
type Report = { readonly complaint: string } | { readonly ready: ReadyBus };

/**
 * Starts the bus in the background; resolves to the exit code of this process.
 * @throws {OutputError} if the address or the process id cannot be printed
 */
export async function serveInBackground(settings: ServeSettings, complain: Complain): Promise<number> {
  const { configFile, address, features } = settings;
  const args = ['--forked'];
  if (configFile !== undefined) args.push('--config-file', configFile);
  if (address !== undefined) args.push('--address', address);
  if (features.length > 0) args.push('--systemd-activation');
  const program = process.argv[1]!; // this program was started by its file
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    cwd: '/',
    detached: true,
    stdio: descriptorsFor(configFile),
  });
  const isReady = await new Promise<boolean>((resolve, reject) => {
    child.on('error', (error) => {
      complain(error.message);
      resolve(false);
    });
    child.on('exit', () => resolve(false));
    child.on('message', (report: Report) => {
      if ('complaint' in report) return complain(report.complaint);
      try {
        announceBus(report.ready, settings);
        resolve(true);
      } catch (error) {
        child.kill('SIGTERM'); // no program would know its address
        reject(error);
      }
    });
  });
  if (!isReady) return child.exitCode ?? EXIT.FAILED;
  child.unref();
  if (child.connected) child.disconnect();
  return EXIT.OK;
}

/** Only a descriptor that is the configuration file is inherited; the last one is the channel. */
function descriptorsFor(configFile: string | undefined): StdioOptions {
  const inherited = Number(/^\/(?:proc\/self|dev)\/fd\/(\d{1,7})$/.exec(configFile ?? '')?.[1] ?? 0);
  const descriptors: ('ignore' | 'ipc' | number)[] = Array<'ignore'>(Math.max(3, inherited + 1)).fill('ignore');
  if (inherited > 2) descriptors[inherited] = inherited;
  return [...descriptors, 'ipc'];
}

/** Sends a report to the process that started this one, if it still runs. */
export function reportToStarter(report: Report): void {
  if (process.connected) process.send?.(report, undefined, undefined, () => {}); // it can end at any moment
}
