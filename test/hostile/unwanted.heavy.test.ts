// The suite of unwanted.test.ts with a client too.

import './unwanted.test.js';
