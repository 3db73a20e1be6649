// Runs the bus as a program: starts it, prints its address, and ends it on a signal. fork.ts
// puts it into the background. Tests: program.test.ts. (Not in the specification; dbus-daemon(1).)
import { DBusError } from '../../protocol/errors.js';
import type { StartedBus } from '../start.js';
import { announceBus } from './announce.js';
import { type Complain, startChosenBus } from './chosen-bus.js';
import type { ServeSettings } from './command-line.js';
import { EXIT } from './failures.js';
import { reportToStarter } from './fork.js';

/** Serves until a signal ends it; resolves to the exit code. Throws the errors of {@link startChosenBus}. */
export async function serve(settings: ServeSettings, complain: Complain): Promise<number> {
  if (settings.ignored.length > 0) complain(`no effect here: ${settings.ignored.join(', ')}`);
  let bus: StartedBus | undefined;
  const stopped = new Promise<void>((resolve) => {
    let isStopping = false;
    for (const [signal, number] of [['SIGINT', 2], ['SIGTERM', 15]] as const) {
      process.on(signal, () => {
        if (isStopping) process.exit(EXIT.SIGNAL + number); // the second request ends the program at once
        isStopping = true;
        resolve();
      });
    }
  });
  process.on('SIGHUP', () => reload(bus));
  bus = await startChosenBus(settings, complain);
  try {
    const ready = { address: bus.address, pid: process.pid };
    if (settings.isForked) reportToStarter({ ready });
    else announceBus(ready, settings);
    await stopped;
  } finally {
    await bus.close();
  }
  return EXIT.OK;
}

function reload(bus: StartedBus | undefined): void {
  try {
    bus?.reload();
  } catch (error) {
    if (!(error instanceof DBusError)) throw error; // the user knows: the configuration is not valid
  }
}
