// The suite of bus-object.test.ts with the longest array.

import './bus-object.test.js';
