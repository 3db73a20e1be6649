// The suite of unwanted.test.ts with a client too, the wire library, and more messages.

import './unwanted.test.js';
