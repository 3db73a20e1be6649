// The suite of client.test.ts with larger arrays and more signals.

import './client.test.js';
