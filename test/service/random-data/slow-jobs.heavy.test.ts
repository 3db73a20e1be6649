// The suite of slow-jobs.test.ts with thousands of results.

import './slow-jobs.test.js';
