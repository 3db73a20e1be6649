// The suite of followed-properties.test.ts with both real buses.

import './followed-properties.test.js';
