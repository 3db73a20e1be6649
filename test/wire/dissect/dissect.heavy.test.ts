// The suite of dissect.test.ts with every message, more lengths at which one is cut, and more random bytes.

import './dissect.test.js';
