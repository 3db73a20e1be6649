// Modules of Node that are loaded on first use. Importing each takes one to three milliseconds, which every program
// would pay at its start, although most programs never use them. Tests: late-modules.test.ts.
// (Not in the specification.)

/** `node:crypto` */
export function cryptoModule(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto');
}

/** `node:child_process` */
export function childProcessModule(): typeof import('node:child_process') {
  return process.getBuiltinModule('node:child_process');
}

/** `node:dns/promises` */
export function dnsModule(): typeof import('node:dns/promises') {
  return process.getBuiltinModule('node:dns/promises');
}
