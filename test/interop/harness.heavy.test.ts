// The suite of harness.test.ts with the service on dbus-python.

import './harness.test.js';
