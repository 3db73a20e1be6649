// The suite of busy-loop.test.ts with every step of connecting, and longer waits.

import './busy-loop.test.js';
