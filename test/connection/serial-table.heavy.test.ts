// The suite of serial-table.test.ts with tens of thousands of elements.

import './serial-table.test.js';
