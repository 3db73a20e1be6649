// The suite of congestion.test.ts with hundreds of MiB.

import './congestion.test.js';
