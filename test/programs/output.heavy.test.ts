// The suite of output.test.ts with every way of printing.

import './output.test.js';
