// The suite of format-definitions.test.ts with the modules of nine services for the compiler.

import './format-definitions.test.js';
