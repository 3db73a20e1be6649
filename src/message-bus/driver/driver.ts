// Answers calls to the bus itself: finds the method of a call, checks its signature, and sends its reply or error. The
// methods are in the tables of the other files of this folder. Specification: Message Bus Messages.
// Tests: test/interop/bus-rules.test.ts.
import type { InterfaceDefinition } from '../../interface/definition.js';
import { ErrorName } from '../../protocol/error-names.js';
import { DBusError } from '../../protocol/errors.js';
import { MarshalError, UnmarshalError } from '../../wire/errors.js';
import { decodeBody } from '../../wire/messages/decode.js';
import { methodReturn } from '../../wire/messages/message.js';
import type { BusCore } from '../bus-core.js';
import type { Client } from '../client.js';
import type { RoutedMessage } from '../routed-message.js';
import { busMethods } from './bus-methods.js';
import { connectionMethods } from './connection-methods.js';
import type { DriverCall, DriverMethods } from './driver-call.js';
import { BusInterface, CANONICAL_PATH, DebugStats, DRIVER_INTERFACES, Monitoring } from './interfaces.js';
import { monitoringMethods } from './monitoring.js';
import { nameMethods } from './name-methods.js';
import { introspectableMethods, peerMethods, propertiesMethods } from './standard-methods.js';
import { statsMethods } from './stats.js';

/** The method of a call. */
interface FoundMethod {
  readonly definition: InterfaceDefinition;
  readonly member: string;
  /** Whether it answers at the canonical path only. */
  readonly isCanonicalOnly: boolean;
}

/** The object `/org/freedesktop/DBus` of one bus. */
export class Driver {
  readonly #core: BusCore;
  readonly #methods: ReadonlyMap<string, DriverMethods>;

  constructor(core: BusCore) {
    this.#core = core;
    this.#methods = new Map([
      [BusInterface.name, { ...nameMethods(core), ...connectionMethods(core), ...busMethods(core) }],
      ['org.freedesktop.DBus.Properties', propertiesMethods(core.moreFeatures)],
      ['org.freedesktop.DBus.Introspectable', introspectableMethods()],
      [Monitoring.name, monitoringMethods(core)],
      [DebugStats.name, statsMethods(core)],
      ['org.freedesktop.DBus.Peer', peerMethods()],
    ]);
  }

  /** Answers a call to the name of the bus; returns false if it has failed. */
  handle(message: RoutedMessage, client: Client): boolean {
    const { header } = message;
    const found = this.#find(header.path, header.interface, header.member);
    if (typeof found === 'string') {
      const problem = `org.freedesktop.DBus does not understand message ${header.member}`;
      this.#core.refuse(message, found, problem);
      return false;
    }
    return this.#run(found, message, client);
  }

  /** Answers a call without a destination, which can reach only the interface Peer. ‹org.freedesktop.DBus.Peer› */
  handleAsPeer(message: RoutedMessage, client: Client): void {
    const { interface: interfaceName, member, signature } = message.header;
    const peer = DRIVER_INTERFACES.at(-1)!.definition; // the table is not empty
    const isPeer = interfaceName === undefined || interfaceName === peer.name;
    if (isPeer && member !== undefined && Object.hasOwn(peer.methods, member)) {
      this.#run({ definition: peer, member, isCanonicalOnly: false }, message, client);
      return;
    }
    const where = interfaceName === undefined ? '' : ` on interface "${interfaceName}"`;
    const problem = `Method "${member}" with signature "${signature}"${where} doesn't exist\n`;
    this.#core.refuse(message, ErrorName.UNKNOWN_METHOD, problem);
  }

  /** The method of a call, or the name of the error if there is none. */
  #find(path: string | undefined, interfaceName: string | undefined, member = ''): FoundMethod | string {
    let isInterfaceKnown = interfaceName === undefined;
    for (const { definition, isAnywhere, canonicalOnly } of DRIVER_INTERFACES) {
      if (interfaceName !== undefined && interfaceName !== definition.name) continue;
      if (!isAnywhere && path !== CANONICAL_PATH) continue;
      isInterfaceKnown = true;
      if (!Object.hasOwn(definition.methods, member)) continue;
      return { definition, member, isCanonicalOnly: canonicalOnly?.includes(member) === true };
    }
    return isInterfaceKnown ? ErrorName.UNKNOWN_METHOD : ErrorName.UNKNOWN_INTERFACE;
  }

  #run({ definition, member, isCanonicalOnly }: FoundMethod, message: RoutedMessage, client: Client): boolean {
    const method = definition.methods[member]!; // found there
    const handler = this.#methods.get(definition.name)?.[member];
    const call = this.#callOf(message, client, method.out);
    try {
      if (handler === undefined) throw new DBusError(ErrorName.NOT_SUPPORTED, `${member} is not supported`);
      if (isCanonicalOnly && message.header.path !== CANONICAL_PATH) {
        const problem = `Method '${member}' is only available at the canonical object path '${CANONICAL_PATH}'`;
        throw new DBusError(ErrorName.ACCESS_DENIED, problem);
      }
      if (message.header.signature !== method.in) {
        const { signature } = message.header;
        const problem = `Call to ${member} has wrong args (${signature}, expected ${method.in})\n`;
        throw new DBusError(ErrorName.INVALID_ARGS, problem);
      }
      const result = handler(call);
      if (result !== undefined) call.reply(...result);
      return true;
    } catch (error) {
      if (error instanceof DBusError) call.fail(error.errorName, error.message);
      else if (error instanceof UnmarshalError) call.fail(ErrorName.INVALID_ARGS, error.message);
      else if (error instanceof MarshalError) call.fail(ErrorName.LIMITS_EXCEEDED, error.message); // a long list
      else throw error;
      return false;
    }
  }

  #callOf(message: RoutedMessage, client: Client, out: string): DriverCall {
    const core = this.#core;
    const { header } = message;
    const answered = { serial: header.serial, sender: undefined };
    return {
      client,
      path: header.path ?? CANONICAL_PATH, // every call has one
      get args() {
        return decodeBody(header, message.frame).body;
      },
      capture: () => core.delivery.capture(message),
      reply: (...body) => {
        if (message.wantsReply) core.delivery.fromBus(methodReturn<string>(answered, { signature: out, body }), client);
      },
      fail: (errorName, text) => core.refuse(message, errorName, text),
    };
  }
}
