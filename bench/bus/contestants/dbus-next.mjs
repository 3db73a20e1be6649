// dbus-next, its client as it comes.
import { createRequire } from 'node:module';
import { dbusNextKinds } from './dbus-next-like.mjs';

export const kinds = dbusNextKinds(createRequire(import.meta.url)('dbus-next'));
