// The suite of demo.test.ts with dbus-daemon as the bus too.

import './demo.test.js';
