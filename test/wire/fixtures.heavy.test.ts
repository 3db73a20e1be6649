// The suite of fixtures.test.ts with every message cut at every place and joined with others.

import './fixtures.test.js';
