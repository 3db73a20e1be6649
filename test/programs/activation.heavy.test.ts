// The suite of activation.test.ts on dbus-wire-bus too, and with programs that are started.

import './activation.test.js';
