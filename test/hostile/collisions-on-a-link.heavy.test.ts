// The suite of collisions-on-a-link.test.ts with keys of every type.

import './collisions-on-a-link.test.js';
