// The suite of reconnect.test.ts with all buses.

import './reconnect.test.js';
