// The suite of monitor.test.ts with each program and byte order.

import './monitor.test.js';
