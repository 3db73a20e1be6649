// The bus as others see it: its name, its object, and the flags and results of its methods for names. Data only.
// Specification: Message Bus Messages. Tests: test/interop/bus-object.test.ts.

/** The name of the bus itself, also the sender of its messages. ‹Message Bus Names› */
export const BUS_NAME = 'org.freedesktop.DBus';

/** The destination, object and interface of calls to the bus. ‹Message Bus Messages› */
export const BUS_OBJECT = { destination: BUS_NAME, path: '/org/freedesktop/DBus', interface: BUS_NAME } as const;

/** The result of RequestName. ‹org.freedesktop.DBus.RequestName› */
export type NameRequestResult = 'primary owner' | 'in queue' | 'already owner';
/** The result of ReleaseName. ‹org.freedesktop.DBus.ReleaseName› */
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
