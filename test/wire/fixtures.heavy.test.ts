// The suite of fixtures.test.ts with every place to cut a message.

import './fixtures.test.js';
