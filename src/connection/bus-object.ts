// The bus itself as a peer: its name, its object and its main interface, where its methods are called.
// Specification: Message Bus Messages.
import { DBusDaemon } from '../interface/standard.js';

/** The bus's own name, which it also signs its messages with. ‹Message Bus Names› */
export const BUS_NAME = 'org.freedesktop.DBus';

/** Where the bus's methods are called; clients always name this path. ‹Message Bus Messages› */
export const BUS_OBJECT = { destination: BUS_NAME, path: '/org/freedesktop/DBus', interface: DBusDaemon.name } as const;
