// The suite of activation.test.ts with a second service.

import './activation.test.js';
