// The suite of fairness.test.ts with thousands of calls.

import './fairness.test.js';
