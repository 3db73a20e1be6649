// The suite of managed-service.test.ts with dbus-python too.

import './managed-service.test.js';
