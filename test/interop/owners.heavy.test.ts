// The suite of owners.test.ts with all buses, and hundreds of names.

import './owners.test.js';
