// dbus-native, its client as it comes.
import { createRequire } from 'node:module';
import { callbackKinds } from './callbacks.mjs';

const { createClient } = createRequire(import.meta.url)('dbus-native');

export const kinds = callbackKinds({ createClient, forEver: [{ timeout: 0 }] });
