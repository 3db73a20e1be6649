// The bus as a peer: its name, its object and its main interface, and the flags and results of its methods for names.
// Specification: Message Bus Messages.

/** The bus's own name, which it also signs its messages with. ‹Message Bus Names› */
export const BUS_NAME = 'org.freedesktop.DBus';

/** Where the bus's methods are called; clients always name this path. ‹Message Bus Messages› */
export const BUS_OBJECT = { destination: BUS_NAME, path: '/org/freedesktop/DBus', interface: BUS_NAME } as const;

/** What RequestName came to. ‹org.freedesktop.DBus.RequestName› */
export type NameRequestResult = 'primary owner' | 'in queue' | 'already owner';
/** What ReleaseName came to. ‹org.freedesktop.DBus.ReleaseName› */
export type NameReleaseResult = 'released' | 'non existent' | 'not owner';

/** Flags of RequestName. ‹org.freedesktop.DBus.RequestName› */
export const REQUEST_NAME_FLAG = { ALLOW_REPLACEMENT: 0x1, REPLACE_EXISTING: 0x2, DO_NOT_QUEUE: 0x4 } as const;
/** Results of RequestName by code. */
export const REQUEST_NAME_RESULT: ReadonlyMap<number, NameRequestResult | 'exists'> = new Map([
  [1, 'primary owner'],
  [2, 'in queue'],
  [3, 'exists'],
  [4, 'already owner'],
]);
/** Results of ReleaseName by code. */
export const RELEASE_NAME_RESULT: ReadonlyMap<number, NameReleaseResult> = new Map([
  [1, 'released'],
  [2, 'non existent'],
  [3, 'not owner'],
]);
