// The suite of implementation.test.ts with 20,000 calls, and with more random numbers.

import './implementation.test.js';
