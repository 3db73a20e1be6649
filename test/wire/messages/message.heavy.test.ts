// The suite of message.test.ts with more names than the caches of the wire layer keep.

import './message.test.js';
