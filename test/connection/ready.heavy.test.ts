// The suite of ready.test.ts with every combination of an end, its time and what follows.

import './ready.test.js';
