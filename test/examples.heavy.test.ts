// The suite of examples.test.ts with all programs.

import './examples.test.js';
