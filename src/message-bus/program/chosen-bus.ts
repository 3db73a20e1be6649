// Starts the bus that a command line chooses: a session bus, or that of a configuration file. On a reload it reads the
// file again; addresses and limits stay as they are. It does not know signals or output. Tests: program.test.ts.
// (Not in the specification; dbus-daemon(1).)
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseAddresses } from '../../protocol/address.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { isPrivateDirectory } from '../../transport/private-directory.js';
import { isPrivateSocket } from '../../transport/private-socket.js';
import {
  type ServiceDirectory, standardSessionDirectories,
} from '../activation/service-directories.js';
import { limitsOf, mechanismsOf, Policies, unknownMechanisms } from '../configuration/bus-settings.js';
import { ConfigurationError } from '../configuration/errors.js';
import { type BusConfiguration, readConfiguration } from '../configuration/read-configuration.js';
import { SYSTEM_SOURCE } from '../configuration/system-source.js';
import { type BusParts, startBusWith, type StartedBus, type StartMessageBusOptions } from '../start.js';
import type { BusChoice } from './command-line.js';

/** Called with a line for the user. */
export type Complain = (problem: string) => void;

/** A session bus without a file: the standard services, and everything is allowed. */
const SESSION: Pick<BusConfiguration, 'type' | 'serviceDirectories'> = {
  type: 'session', serviceDirectories: ['standard session directories'],
};

/**
 * Starts a bus.
 * @throws {ConfigurationError} if the configuration file is not valid, or cannot be read
 * @throws {AddressError} if an address is not valid, or a server cannot listen on it
 * @throws {ListenError} if the system refuses an address
 */
export async function startChosenBus(choice: BusChoice, complain: Complain): Promise<StartedBus> {
  const bus = await start(choice, complain);
  complainOfOpenPlaces(bus.address, complain);
  return bus;
}

async function start(choice: BusChoice, complain: Complain): Promise<StartedBus> {
  const { configFile, address, features } = choice;
  if (configFile === undefined) {
    const directories = (): readonly ServiceDirectory[] => directoriesOf(SESSION);
    const services = { directories, busType: () => SESSION.type, onNotice: complain };
    return startBusWith({ address }, { features, services });
  }
  const file = new LiveConfiguration(configFile, complain);
  if (mechanismsOf(file.current)?.length === 0) {
    const problem = 'found no mechanism that can be offered: without one no client can connect';
    throw new ConfigurationError('VALUE_INVALID', problem, { file: configFile });
  }
  const { services, policyFor, mayConnect } = file;
  return startBusWith(optionsOf(file.current, address), { features, services, policyFor, mayConnect });
}

function optionsOf(configuration: BusConfiguration, address: string | undefined): StartMessageBusOptions {
  const { addresses } = configuration;
  return {
    address: address ?? (addresses.length === 0 ? undefined : addresses.join(';')),
    mechanisms: mechanismsOf(configuration),
    limits: limitsOf(configuration),
  };
}

function directoriesOf({ serviceDirectories }: Pick<BusConfiguration, 'serviceDirectories'>): ServiceDirectory[] {
  return serviceDirectories.flatMap((directory) =>
    typeof directory === 'string'
      ? standardSessionDirectories(process.env)
      : [{ path: directory.path, hasStrictNames: false }]);
}

/** A configuration file, which is read again whenever the service files are. */
class LiveConfiguration implements BusParts {
  readonly services: NonNullable<BusParts['services']>;
  #current: BusConfiguration;
  #policies: Policies;
  #isFresh = true;

  constructor(file: string, complain: Complain) {
    this.#current = readConfiguration(file, SYSTEM_SOURCE);
    this.#policies = new Policies(this.#current.policy);
    complainOfIgnored(this.#current, complain);
    this.services = {
      directories: () => {
        if (this.#isFresh) this.#isFresh = false;
        else this.#read(file, complain);
        return directoriesOf(this.#current);
      },
      busType: () => this.#current.type,
      onNotice: complain,
    };
  }

  get current(): BusConfiguration {
    return this.#current;
  }

  readonly policyFor: BusParts['policyFor'] = (identity) => this.#policies.policyFor(identity);
  readonly mayConnect: BusParts['mayConnect'] = (identity) => this.#policies.mayConnect(identity);

  /** Reads the file again. If it is not valid, the bus and its clients continue unchanged. */
  #read(file: string, complain: Complain): void {
    try {
      this.#current = readConfiguration(file, SYSTEM_SOURCE);
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      complain(`the configuration is not changed: ${error.message}`);
      throw new DBusError(ErrorName.FAILED, error.message, { cause: error });
    }
    this.#policies = new Policies(this.#current.policy);
  }
}

/** Whether only the user of this process can reach a socket. */
function isPrivatePlace(path: string): boolean {
  return isPrivateSocket(path) || isPrivateDirectory(realpathSync(dirname(path)));
}

/** Reports the sockets at which clients must authenticate with a cookie, because some clients cannot. */
function complainOfOpenPlaces(list: string, complain: Complain): void {
  for (const { transport, keys } of parseAddresses(list)) {
    const path = keys.get('path');
    if (transport !== 'unix' || path === undefined || isPrivatePlace(path)) continue;
    complain(`EXTERNAL is not offered at ${path}, because others can reach it: its directory must have mode 700`);
  }
}

function complainOfIgnored(configuration: BusConfiguration, complain: Complain): void {
  const mechanisms = unknownMechanisms(configuration).map((name) => `mechanism ${name}`);
  const all = [...configuration.ignored.map((item) => (item.includes(' ') ? item : `<${item}>`)), ...mechanisms];
  if (all.length > 0) complain(`no effect here: ${all.join(', ')}`);
}
