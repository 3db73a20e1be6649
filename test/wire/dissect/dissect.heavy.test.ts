// The suite of dissect.test.ts with more lengths at which a message is cut.

import './dissect.test.js';
