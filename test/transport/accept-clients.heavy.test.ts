// The suite of accept-clients.test.ts with hundreds of clients.

import './accept-clients.test.js';
