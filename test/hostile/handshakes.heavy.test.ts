// The suite of handshakes.test.ts with more waves of more clients.

import './handshakes.test.js';
