// The suite of limits.test.ts with the default limit for each kind of message.

import './limits.test.js';
