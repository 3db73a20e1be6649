// The suite of match-rules.test.ts with all buses.

import './match-rules.test.js';
