// The suite of random-data.test.ts with more calls of dbus-send.

import './random-data.test.js';
