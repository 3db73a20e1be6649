// The suite of clients.test.ts with the budget of types.

import './clients.test.js';
