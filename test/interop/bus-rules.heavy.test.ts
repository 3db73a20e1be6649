// The suite of bus-rules.test.ts with dbus-daemon too.

import './bus-rules.test.js';
