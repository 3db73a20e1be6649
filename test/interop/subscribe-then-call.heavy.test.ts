// The suite of subscribe-then-call.test.ts with more rounds.

import './subscribe-then-call.test.js';
