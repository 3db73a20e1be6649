// What is called, subscribed to and exported in all cases, by all contestants.

/** The well-known name of the process opposite to a contestant. */
export const PARTNER_NAME = 'com.example.BenchPartner';
export const PATH = '/com/example/Bench';
export const INTERFACE = 'com.example.Bench1';
/** u → u: what it is given. */
export const ECHO = 'Echo';
/** → ay: 1 MiB. */
export const BYTES = 'Bytes';
/** u: is never answered. */
export const NEVER = 'Never';
/** The signal, with a UINT32. */
export const TICK = 'Tick';

export const LARGE = 2 ** 20;

/** The path of one of many objects: three levels, as services build them. */
export const objectPath = (i) => `/com/example/Bench/group${i % 100}/object${i}`;

export const BUS_NAME = 'org.freedesktop.DBus';
export const BUS_PATH = '/org/freedesktop/DBus';

/** The rule for the signal of one object. */
export const matchRule = (sender, path) =>
  `type='signal',sender='${sender}',path='${path}',interface='${INTERFACE}',member='${TICK}'`;

/** The properties that the interface has, as $getAll finds them. */
export const PROPERTIES = { Volume: 'u', Title: 's', Powered: 'b', Level: 'd', Tags: 'as' };
