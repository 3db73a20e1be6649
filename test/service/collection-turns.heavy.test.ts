// The suite of collection-turns.test.ts with 10,000 objects.

import './collection-turns.test.js';
