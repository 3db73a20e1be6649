// The suite of everyday-examples.test.ts with all programs.

import './everyday-examples.test.js';
