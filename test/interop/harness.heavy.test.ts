// The suite of harness.test.ts with the service on dbus-python, and with workers that end.

import './harness.test.js';
