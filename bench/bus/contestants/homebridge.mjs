// @homebridge/dbus-native, its client as it comes. Its calls have no timeout.
import { createRequire } from 'node:module';
import { callbackKinds } from './callbacks.mjs';

const { sessionBus } = createRequire(import.meta.url)('@homebridge/dbus-native');

export const kinds = callbackKinds({ createClient: sessionBus, forEver: [] });
