// The suite of package.test.ts with every entry point, program and setting of the compiler.

import './package.test.js';
