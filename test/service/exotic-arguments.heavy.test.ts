// The suite of exotic-arguments.test.ts with handlers that return each of the values.

import './exotic-arguments.test.js';
