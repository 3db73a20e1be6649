// The suite of errors.test.ts with the example of a message that is too long.

import './errors.test.js';
