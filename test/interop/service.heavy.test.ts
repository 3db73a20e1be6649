// The suite of service.test.ts with every value in every program.

import './service.test.js';
