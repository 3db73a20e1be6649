// The suite of handshakes.test.ts with more waves of clients.

import './handshakes.test.js';
