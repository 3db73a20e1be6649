// The suite of client.test.ts through xdg-dbus-proxy: what holds on dbus-daemon holds in a sandbox that filters nothing.

import '../support/choose-proxied-bus.js';
import './client.test.js';
