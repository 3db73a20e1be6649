// The suite of docs.test.ts with the examples of all pages, and with services whose bus dies.

import './docs.test.js';
