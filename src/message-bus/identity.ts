// The known identity of a client. Node has no peer credentials: a socket that only one user can reach, or a cookie that
// only one user can read, identifies the user; nothing identifies the process. Data only. Tests: start.test.ts.
// Specification: org.freedesktop.DBus.GetConnectionCredentials.

/** The known facts about the process at the other end. A fact that is not known is undefined. */
export interface Identity {
  /** The user id. */
  readonly uid: number | undefined;
  readonly pid: number | undefined;
  /** All groups of the process, the primary one included. */
  readonly gids: readonly number[] | undefined;
  /** Whether it may see the messages of others: it is the user of the bus, or root. */
  readonly isPrivileged: boolean;
}

/** A client that the handshake has found to be the user of the bus. */
export function ownUser(): Identity {
  return { uid: process.getuid?.(), pid: undefined, gids: undefined, isPrivileged: true };
}

/** This process: the bus itself, and clients within it. */
export function ownProcess(): Identity {
  const gids = process.getgroups?.();
  const primary = process.getgid?.();
  const all = gids === undefined || primary === undefined ? undefined : [...new Set([primary, ...gids])];
  return { uid: process.getuid?.(), pid: process.pid, gids: all?.sort((a, b) => a - b), isPrivileged: true };
}

/** A client about which nothing is known, such as an anonymous one. */
export const NOBODY: Identity = { uid: undefined, pid: undefined, gids: undefined, isPrivileged: false };
