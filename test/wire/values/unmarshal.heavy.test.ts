// The suite of unmarshal.test.ts with every code point, and with more keys and lengths.

import './unmarshal.test.js';
