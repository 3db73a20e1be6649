// The suite of program.test.ts with more ways to start it.

import './program.test.js';
