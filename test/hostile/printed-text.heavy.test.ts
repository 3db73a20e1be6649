// The suite of printed-text.test.ts with every kind of text.

import './printed-text.test.js';
