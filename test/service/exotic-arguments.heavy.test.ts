// The suite of exotic-arguments.test.ts with each of the values for each function and handler.

import './exotic-arguments.test.js';
