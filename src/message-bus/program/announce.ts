// Prints the address and the process id of a bus to the descriptors of the command line: each in one line and one
// write. Then it closes the descriptor, since some programs wait for that. It does not know the bus. Tests:
// program.test.ts. (Not in the specification; dbus-daemon(1).)
import { closeSync, writeSync } from 'node:fs';
import { textOfError } from '../../program-output.js';
import type { ServeSettings } from './command-line.js';
import { isOfRuntime } from './runtime-descriptors.js';

/** The address and the process id of a running bus. */
export interface ReadyBus {
  readonly address: string;
  readonly pid: number;
}

/** A descriptor that cannot be written. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

/**
 * Prints what the settings ask for: the address first. Standard output and standard error stay open.
 * @throws {OutputError} if a descriptor cannot be written
 */
export function announceBus(
  { address, pid }: ReadyBus,
  { addressDescriptor, pidDescriptor }: Pick<ServeSettings, 'addressDescriptor' | 'pidDescriptor'>,
): void {
  if (addressDescriptor !== undefined) writeLine(addressDescriptor, address);
  if (pidDescriptor !== undefined) writeLine(pidDescriptor, `${pid}`);
  for (const descriptor of new Set([addressDescriptor, pidDescriptor])) {
    if (descriptor !== undefined && descriptor > 2) closeSync(descriptor);
  }
}

function writeLine(descriptor: number, line: string): void {
  if (isOfRuntime(descriptor)) {
    throw new OutputError(`descriptor ${descriptor} is not open: it must be inherited from the starting program`);
  }
  try {
    writeSync(descriptor, `${line}\n`);
  } catch (error) {
    throw new OutputError(`descriptor ${descriptor} cannot be written to: ${textOfError(error)}`, { cause: error });
  }
}
