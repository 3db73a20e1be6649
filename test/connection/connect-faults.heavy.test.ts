// The suite of connect-faults.test.ts with every number of bytes.

import './connect-faults.test.js';
