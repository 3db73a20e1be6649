#!/usr/bin/env node
// The program dbus-wire-bus: a message bus with the command line of dbus-daemon, and with `run` that of
// dbus-run-session. This file chooses the action; the other files of this folder implement the actions. Tests:
// program.test.ts.
import { guardOutput, printLine } from '../../program-output.js';
import { introspectBus } from '../driver/standard-methods.js';
import { parseCommandLine, type Settings } from './command-line.js';
import { complaint, describeFailure, EXIT } from './failures.js';
import { reportToStarter, serveInBackground } from './fork.js';
import { runCommand } from './run-command.js';
import { serve } from './serve.js';

const isForked = process.argv.includes('--forked');

/** Prints a line for the user: on standard error, or through the process in the foreground. */
function complain(problem: string): void {
  if (isForked) reportToStarter({ complaint: problem });
  else printLine('stderr', complaint(problem));
}

function run(settings: Settings): number | Promise<number> {
  switch (settings.kind) {
    case 'print':
      process.stdout.write(settings.text);
      return EXIT.OK;
    case 'introspect':
      process.stdout.write(introspectBus('/org/freedesktop/DBus'));
      return EXIT.OK;
    case 'run':
      return runCommand(settings, complain);
    case 'serve':
      return settings.fork ? serveInBackground(settings, complain) : serve(settings, complain);
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    return await run(parseCommandLine(args));
  } catch (error) {
    const { code, problem } = describeFailure(error, args[0] === 'run' ? EXIT.NOT_FOUND : EXIT.FAILED);
    complain(problem);
    return code;
  }
}

guardOutput('dbus-wire-bus');
process.on('uncaughtException', (error) => {
  const { code, problem } = describeFailure(error);
  complain(problem);
  process.exit(code);
});
process.exitCode = await main(process.argv.slice(2));
