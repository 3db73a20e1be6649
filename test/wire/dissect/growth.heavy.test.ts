// The suite of growth.test.ts with larger messages.

import './growth.test.js';
