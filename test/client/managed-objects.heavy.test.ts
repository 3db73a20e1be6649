// The suite of managed-objects.test.ts with more objects, and with more random orders of messages.

import './managed-objects.test.js';
