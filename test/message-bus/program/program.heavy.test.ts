// The suite of program.test.ts with more ways to start it, and all mistakes of configuration files.

import './program.test.js';
