// The suite of docs.test.ts with the examples of all pages.

import './docs.test.js';
