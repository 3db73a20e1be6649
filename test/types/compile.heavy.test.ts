// The suite of compile.test.ts with the largest types, thousands of signatures, and the budget of types.

import './compile.test.js';
