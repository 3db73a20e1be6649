// The suite of activation.test.ts with dbus-daemon too.

import './activation.test.js';
