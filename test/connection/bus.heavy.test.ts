// The suite of bus.test.ts with more signals, all malformed addresses, and both signals that end a bus.

import './bus.test.js';
