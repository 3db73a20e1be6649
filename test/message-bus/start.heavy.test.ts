// The suite of start.test.ts with 200 clients.

import './start.test.js';
