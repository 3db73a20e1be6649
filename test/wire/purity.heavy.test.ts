// The suite of purity.test.ts with every captured message, and with a bundler.

import './purity.test.js';
